//! `docs/commands.md` is the help of every command as it is.
//!
//! After a change of the help: `UPDATE_DOCS=1 cargo test commands_doc`.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const HEAD: &str = "\
# Commands

The help of every command, as the program prints it. Made by a test: `UPDATE_DOCS=1 cargo test commands_doc` renders it anew.
Under kubectl the program is called `kubectl promote`.
";

/// What ends the help of every command, and is shown once.
const EVERYWHERE: &str = "\nEverywhere:\n";

fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_git-promote"))
        .args(words)
        .arg("--help")
        .env("COLUMNS", "100")
        .env_remove("CLICOLOR_FORCE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?} --help failed");
    String::from_utf8(output.stdout).unwrap()
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // What is set in further goes on with the description of the line above.
    let lines = lines.filter(|line| !line.starts_with("   "));
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// A section for the command, and for the commands below it.
fn section(text: &mut String, words: &[&str]) {
    let help = help(words);
    let (own, _) = help.split_once(EVERYWHERE).unwrap_or((&help, ""));
    let name = ["git promote"].iter().chain(words).copied().collect::<Vec<_>>().join(" ");
    write!(text, "\n## {name}\n\n```text\n{}\n```\n", trimmed(own)).unwrap();
    for command in commands(&help) {
        section(text, &[words, &[command.as_str()]].concat());
    }
}

/// Without blanks at the ends of lines.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn render() -> String {
    let mut text = HEAD.to_owned();
    let whole = help(&[]);
    let (_, everywhere) = whole.split_once(EVERYWHERE).unwrap();
    let everywhere = trimmed(&format!("Everywhere:\n{everywhere}"));
    write!(text, "\n## What every command takes\n\n```text\n{everywhere}\n```\n").unwrap();
    section(&mut text, &[]);
    text
}

#[test]
fn the_reference_of_the_commands_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let rendered = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == rendered,
        "docs/commands.md is stale: UPDATE_DOCS=1 cargo test commands_doc renders it anew"
    );
}
