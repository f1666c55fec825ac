//! Signatures, verified by the `cosign` program: which keys and identities
//! count the config of the base says, and a key that is a file is that of the
//! base.

use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use crate::gate::{Registered, Signed, Silence};
use crate::model::{Promotion, RepoPath, Signer, Snapshot as _, quoted};
use crate::program;
use crate::registry::RepositoryName;

use super::super::Failure;
use super::Questions;

/// For how long it is waited for: it asks registries and transparency logs.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is shown of what it says.
const MOST_WORDS: usize = 300;

/// Asks cosign whether an image is signed.
pub(super) fn ask(
    questions: Questions<'_>,
    signer: &Signer,
    (at, registered): (&RepositoryName, &Registered),
    promotion: &Promotion,
) -> Result<Signed, Silence> {
    verify(questions, signer, (at, registered), promotion).map_err(Failure::silence)
}

fn verify(
    questions: Questions<'_>,
    signer: &Signer,
    (at, registered): (&RepositoryName, &Registered),
    promotion: &Promotion,
) -> Result<Signed, Failure> {
    let digest = promotion.version.digest.as_ref().or(registered.digest());
    let Some(digest) = digest else {
        let message = format!("{at} does not have {}, so nothing is signed", promotion.version);
        return Err(Failure::not_found(message));
    };
    let image = format!("{at}@{digest}");
    // Kept until the program has ended.
    let file = match signer {
        Signer::Key(key) if !key.contains("://") => Some(key_file(questions, key)?),
        _ => None,
    };
    let (who, flags) = match signer {
        Signer::Key(key) => {
            let path = file.as_ref().map(|file| file.path().display().to_string());
            (
                format!("the key {key}"),
                vec!["--key".to_owned(), path.unwrap_or_else(|| key.clone())],
            )
        }
        Signer::Identity { identity, pattern, issuer } => {
            let name =
                if *pattern { "--certificate-identity-regexp" } else { "--certificate-identity" };
            let flags = [name, identity, "--certificate-oidc-issuer", issuer].map(str::to_owned);
            (identity.clone(), flags.to_vec())
        }
    };
    let mut command = Command::new("cosign");
    command.arg("verify").args(&flags);
    if at.plain {
        command.arg("--allow-http-registry");
    }
    command.args(["--", &image]);
    let ran = program::run(command, PATIENCE).map_err(|error| {
        let message =
            format!("`cosign` cannot be started, and the signature was not verified: {error}");
        Failure::not_found(message).hint("cosign version")
    })?;
    let shown: Vec<String> = match signer {
        Signer::Key(key) => vec!["--key".to_owned(), quoted(key)],
        Signer::Identity { .. } => flags
            .iter()
            .map(|word| if word.starts_with("--") { word.clone() } else { quoted(word) })
            .collect(),
    };
    let command = format!("cosign verify {} {image}", shown.join(" "));
    let why = ran.last_words().chars().take(MOST_WORDS).collect();
    Ok(Signed { image, signer: who, holds: ran.is_well(), why, command })
}

/// The key as the base has it, whatever lies in the work tree.
fn key_file(questions: Questions<'_>, key: &str) -> Result<tempfile::NamedTempFile, Failure> {
    let unusable = |why: &str| {
        Failure::not_found(format!("the key `{key}` of promote.toml {why}"))
            .hint(format!("git show HEAD:{}", quoted(key)))
    };
    let snapshot = questions.ground.repo.snapshot(questions.ground.base)?;
    let path = RepoPath::root().join(key);
    let bytes = snapshot.read(&path)?.ok_or_else(|| unusable("is not in the repository"))?;
    let written = tempfile::Builder::new().prefix("git-promote-key-").suffix(".pub").tempfile();
    let mut file = written.map_err(|error| unusable(&format!("cannot be passed on: {error}")))?;
    file.write_all(&bytes).map_err(|error| unusable(&format!("cannot be passed on: {error}")))?;
    Ok(file)
}
