//! `registry`, `pin` and `verify-signature` of an environment.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::error::{ConfigError, Kind, Problem, Source};
use super::grammar::printable;
use super::raw::{RawEnvironment, Text};
use super::write::string;
use crate::model::{EnvironmentImages, Signer};

/// Who has to have signed an image: `key`, or `issuer` with `identity` or
/// `identity-regexp`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "VerifySignature")]
pub(super) struct RawSignature {
    /// A public key: a file of the repository, or the address of a key that
    /// cosign knows, such as `awskms:///alias/images`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    key: Option<Text>,
    /// Who signed, as the certificate says it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    identity: Option<Text>,
    /// The same as a regular expression.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    identity_regexp: Option<Text>,
    /// Who says that they are.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    issuer: Option<Text>,
}

/// Reads what an environment says.
pub(super) fn of_environment(
    source: Source<'_>,
    raw: &RawEnvironment,
) -> Result<EnvironmentImages, ConfigError> {
    let registry = raw.registry.as_ref().map(|text| registry(source, text)).transpose()?;
    let pin = match &raw.pin {
        None => false,
        Some(text) if text.get_ref() == "digest" => true,
        Some(text) => {
            let value = printable(text.get_ref());
            let problem = Problem::UnknownValue { key: "pin", value, known: vec!["digest"] };
            return Err(source.at(text.span(), problem));
        }
    };
    let signature = raw.verify_signature.as_ref().map(|raw| signer(source, raw)).transpose()?;
    Ok(EnvironmentImages { registry, pin, signature })
}

fn registry(source: Source<'_>, text: &Text) -> Result<String, ConfigError> {
    let value = text.get_ref();
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    let rest = rest.unwrap_or(value);
    let (host, path) = rest.split_once('/').unwrap_or((rest, "x"));
    let host_byte = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
    let path_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let is_host = !host.is_empty()
        && host.bytes().all(host_byte)
        && (host.contains(['.', ':']) || host == "localhost");
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(path_byte);
    if is_host && path.split('/').all(part) {
        return Ok(value.clone());
    }
    let reason = "it is no registry such as registry.example/acme/prod".to_owned();
    // What stands before an `@` may be a password.
    let shown = value.rsplit_once('@').map_or(value.clone(), |(_, host)| format!("...@{host}"));
    let value = printable(&shown);
    Err(source.at(text.span(), Problem::BadValue { kind: Kind::Registry, value, reason }))
}

fn signer(source: Source<'_>, raw: &Spanned<RawSignature>) -> Result<Signer, ConfigError> {
    let at = raw.span();
    let RawSignature { key, identity, identity_regexp, issuer } = raw.get_ref();
    for text in [key, identity, identity_regexp, issuer].into_iter().flatten() {
        let value = text.get_ref();
        // It becomes an argument of cosign.
        if value.is_empty() || value.starts_with('-') || value.chars().any(char::is_control) {
            let reason = "it cannot be told from a flag, or is empty".to_owned();
            let value = printable(value);
            return Err(
                source.at(text.span(), Problem::BadValue { kind: Kind::Signer, value, reason })
            );
        }
    }
    let text = |text: &Text| text.get_ref().clone();
    match (key, identity, identity_regexp, issuer) {
        (Some(key), None, None, None) => Ok(Signer::Key(text(key))),
        (None, Some(one), None, Some(issuer)) | (None, None, Some(one), Some(issuer)) => {
            let (identity, issuer) = (text(one), text(issuer));
            Ok(Signer::Identity { identity, pattern: identity_regexp.is_some(), issuer })
        }
        _ => {
            let value = "verify-signature".to_owned();
            let reason =
                "it takes `key`, or `issuer` with `identity` or `identity-regexp`".to_owned();
            Err(source.at(at, Problem::BadValue { kind: Kind::Signer, value, reason }))
        }
    }
}

/// Writes what an environment says.
pub(super) fn write_environment(text: &mut String, own: &EnvironmentImages) -> fmt::Result {
    if let Some(registry) = &own.registry {
        writeln!(text, "registry = {}", string(registry))?;
    }
    if own.pin {
        text.push_str("pin = \"digest\"\n");
    }
    match &own.signature {
        None => Ok(()),
        Some(Signer::Key(key)) => {
            writeln!(text, "verify-signature = {{ key = {} }}", string(key))
        }
        Some(Signer::Identity { identity, pattern, issuer }) => {
            let name = if *pattern { "identity-regexp" } else { "identity" };
            let (identity, issuer) = (string(identity), string(issuer));
            writeln!(text, "verify-signature = {{ {name} = {identity}, issuer = {issuer} }}")
        }
    }
}
