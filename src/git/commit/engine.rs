//! Which engine commits.

use std::path::{Path, PathBuf};

use super::native::Prepared;
use super::{CommitError, CommitOptions, Repository};

/// Hooks that `git commit` runs whatever its flags are.
const HOOKS: [&str; 5] = [
    "prepare-commit-msg",
    "post-commit",
    "reference-transaction",
    "post-index-change",
    "pre-auto-gc",
];
/// Hooks that `--no-verify` leaves out.
const VERIFYING: [&str; 2] = ["pre-commit", "commit-msg"];
/// Variables that move the object store, which gix does not know.
const VARIABLES: [&str; 2] = ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH"];

/// Why `git commit` has to make the commit, if it has to.
pub(super) fn asks_for_git(
    repo: &Repository,
    options: &CommitOptions,
    prepared: &Prepared<'_>,
) -> Result<Option<String>, CommitError> {
    if options.edit {
        return Ok(Some("the message is edited".to_owned()));
    }
    if let Some(hook) = hook(repo, options.no_verify) {
        return Ok(Some(format!("hook {hook}")));
    }
    if let Some(setting) = setting(repo) {
        return Ok(Some(setting));
    }
    if super::reference::is_symbolic(repo) {
        return Ok(Some("the branch is a symbolic reference".to_owned()));
    }
    if let Some(target) = prepared.targets.iter().find(|target| target.filtered_by_program) {
        return Ok(Some(format!("a filter program for `{}`", target.change.path)));
    }
    Ok(prepared.index.needs_git()?)
}

pub(super) fn hook(repo: &Repository, no_verify: bool) -> Option<String> {
    let dir = hooks_dir(repo);
    let verifying: &[&str] = if no_verify { &[] } else { &VERIFYING };
    let mut names = HOOKS.iter().chain(verifying);
    let found = names.find(|name| is_executable(&dir.join(name)));
    // Since git 2.54 hooks can also be settings: hook.<name>.event.
    let configured = || repo.has_config_section("hook").then(|| "by setting".to_owned());
    found.map(ToString::to_string).or_else(configured)
}

/// Whether a hook of that name would run.
pub(in super::super) fn has_hook(repo: &Repository, name: &str) -> bool {
    is_executable(&hooks_dir(repo).join(name)) || repo.has_config_section("hook")
}

fn hooks_dir(repo: &Repository) -> PathBuf {
    let configured = repo.gix.config_snapshot().trusted_path("core.hooksPath");
    let top = repo.root().unwrap_or(repo.git_dir());
    match configured {
        Ok(Some(path)) => top.join(path),
        _ => repo.common_dir().join("hooks"),
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}

/// A setting that gix does not know.
fn setting(repo: &Repository) -> Option<String> {
    let text = |key: &str| repo.config_string(key).map(|value| value.to_ascii_lowercase());
    let unlike = |key: &str, usual: &[&str]| {
        let value = text(key)?;
        (!usual.contains(&value.as_str())).then(|| format!("{key}={value}"))
    };
    unlike("core.sharedRepository", &["umask", "false", "no", "off", "0"])
        .or_else(|| unlike("i18n.commitEncoding", &["utf-8", "utf8"]))
        .or_else(|| unlike("commit.cleanup", &["default", "whitespace"]))
        .or_else(|| {
            VARIABLES.iter().find_map(|name| std::env::var_os(name).map(|_| (*name).to_owned()))
        })
}
