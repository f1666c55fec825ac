//! `plugin.yaml` keeps the rules of krew's index, and kubectl takes the
//! program for a plugin without a word.
//!
//! The rules are those of krew's `validate-krew-manifest` and of the index's
//! contribution guide; the sums are filled in by the release.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

/// Says that a test could not ask its question here. Written past the capture
/// of the test harness, so that it is seen in a run that passes.
pub(crate) fn skip(reason: &str) {
    writeln!(std::io::stderr(), "skip: {reason}").unwrap();
}

fn manifest() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugin.yaml");
    fs::read_to_string(path).unwrap()
}

fn text<'y>(yaml: &'y Yaml, key: &str) -> &'y str {
    yaml[key].as_str().unwrap_or_default()
}

/// What krew's index would say of the manifest.
fn problems(manifest: &str) -> Vec<String> {
    let documents = YamlLoader::load_from_str(manifest).unwrap();
    let plugin = &documents[0];
    let spec = &plugin["spec"];
    let mut said = Vec::new();
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            said.push(text.to_owned());
        }
    };
    rule(
        text(plugin, "apiVersion") == "krew.googlecontainertools.github.com/v1alpha2",
        "apiVersion",
    );
    rule(text(plugin, "kind") == "Plugin", "kind");
    rule(text(&plugin["metadata"], "name") == "promote", "name");
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    rule(text(spec, "version") == version, "the version is a v and that of the package");
    let short = text(spec, "shortDescription");
    rule((1..=50).contains(&short.chars().count()), "shortDescription has 1 to 50 characters");
    rule(!short.contains('\n') && !short.ends_with('.'), "shortDescription is a short line");
    rule(!text(spec, "description").is_empty(), "description");
    rule(text(spec, "homepage").starts_with("https://"), "homepage");
    let platforms = spec["platforms"].as_vec().unwrap();
    let selected: Vec<_> = platforms.iter().map(selector).collect();
    let distinct: BTreeSet<_> = selected.iter().collect();
    rule(distinct.len() == selected.len(), "selectors do not overlap");
    for platform in platforms {
        said.extend(platform_problems(platform, version));
    }
    said
}

/// System and processor; a selector without one of them overlaps others.
fn selector(platform: &Yaml) -> (String, String) {
    let labels = &platform["selector"]["matchLabels"];
    (text(labels, "os").to_owned(), text(labels, "arch").to_owned())
}

fn platform_problems(platform: &Yaml, version: &str) -> Vec<String> {
    let (os, arch) = selector(platform);
    let mut said = Vec::new();
    let mut rule = |holds: bool, text: &str| {
        if !holds {
            said.push(format!("{os}/{arch}: {text}"));
        }
    };
    rule(["linux", "darwin", "windows"].contains(&os.as_str()), "os");
    rule(["amd64", "arm64"].contains(&arch.as_str()), "arch");
    let sum = text(platform, "sha256");
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    rule(sum.len() == 64 && sum.bytes().all(lower_hex), "sha256 is 64 lower-case hex digits");
    let uri = text(platform, "uri");
    rule(
        uri.starts_with("https://") && uri.contains(&format!("/{version}/")),
        "uri of the version",
    );
    rule([".tar.gz", ".zip"].iter().any(|end| uri.ends_with(end)), "an archive that krew unpacks");
    rule(uri.contains(&os) && uri.contains(&arch), "uri of the platform");
    let bin = text(platform, "bin");
    let exe = if os == "windows" { ".exe" } else { "" };
    rule(bin == format!("kubectl-promote{exe}"), "bin, .exe on windows");
    let files = platform["files"].as_vec().cloned().unwrap_or_default();
    let holds = |name: &str| files.iter().any(|file| text(file, "from") == name);
    rule(holds("LICENSE"), "LICENSE among the files");
    rule(holds(bin), "bin among the files");
    rule(files.iter().all(|file| !text(file, "to").is_empty()), "every file has a place");
    said
}

#[test]
fn the_manifest_keeps_the_rules_of_the_index() {
    assert_eq!(problems(&manifest()), Vec::<String>::new());
    let documents = YamlLoader::load_from_str(&manifest()).unwrap();
    let platforms = documents[0]["spec"]["platforms"].as_vec().unwrap();
    let found: Vec<_> =
        platforms.iter().map(selector).map(|(os, arch)| format!("{os}/{arch}")).collect();
    assert_eq!(
        found,
        ["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64"]
    );
}

#[test]
fn each_broken_rule_is_noticed() {
    let zeros = "0".repeat(64);
    let long = format!("shortDescription: {}", "x".repeat(51));
    for (from, to, said) in [
        ("name: promote", "name: Promote", "name"),
        ("version: v0", "version: 0", "the version is a v and that of the package"),
        ("shortDescription: ", long.as_str(), "shortDescription has 1 to 50 characters"),
        (zeros.as_str(), &"A".repeat(64), "linux/amd64: sha256 is 64 lower-case hex digits"),
        ("arch: arm64", "arch: amd64", "selectors do not overlap"),
        ("bin: kubectl-promote.exe", "bin: kubectl-promote", "windows/amd64: bin, .exe on windows"),
        ("from: LICENSE", "from: COPYING", "linux/amd64: LICENSE among the files"),
    ] {
        let manifest = manifest();
        assert!(manifest.contains(from), "{from}");
        let found = problems(&manifest.replace(from, to));
        assert!(found.iter().any(|problem| problem == said), "{said}: {found:?}");
    }
}

#[test]
fn kubectl_lists_the_program_without_a_warning() {
    if Command::new("kubectl").arg("version").arg("--client").output().is_err() {
        skip("kubectl is not installed, `kubectl plugin list` was not asked");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let plugin = dir.path().join("kubectl-promote");
    fs::copy(env!("CARGO_BIN_EXE_kubectl-promote"), &plugin).unwrap();
    let old = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(dir.path().to_path_buf()).chain(std::env::split_paths(&old));
    let output = Command::new("kubectl")
        .args(["plugin", "list"])
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("HOME", dir.path())
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&output.stdout);
    let warned = String::from_utf8_lossy(&output.stderr);
    assert!(listed.contains(&*plugin.to_string_lossy()), "{listed}{warned}");
    assert!(!warned.contains("kubectl-promote"), "{warned}");
}
