//! The README is true: its console blocks are run in the repository of the
//! demo, and its tables agree with the code.

use std::fs;
use std::path::Path;
use std::process::Command;

use promote::command::Exit;
use promote::gate::{RULES, RuleInfo};
use regex::Regex;

use crate::testkit::{Sandbox, environment};

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The bodies of the fenced blocks of that language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let bodies = text.split(fence.as_str()).skip(1);
    bodies.map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// The commands of a console block, each with what it is to print.
fn commands(block: &str) -> Vec<(&str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, String::new())),
            (None, Some((_, output))) => *output += &format!("{line}\n"),
            (None, None) => panic!("a console block starts with a command, not with `{line}`"),
        }
    }
    commands
}

/// The text without what differs from run to run: ids, ages, and the blanks
/// that line up columns.
fn settled(text: &str) -> String {
    let rules = [
        (r"\b[0-9a-f]{7,40}\b", "ID"),
        (r"\b\d+ ?(s|min|m|h|d|y)\b", "AGE"),
        (r"(?m) +$", ""),
        (r"(\S)  +", "$1  "),
    ];
    rules.iter().fold(text.to_owned(), |text, (rule, with)| {
        Regex::new(rule).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// Whether the output is as expected: `...` stands for any lines, `[..]` for
/// anything in a line.
fn fits(expected: &str, output: &str) -> bool {
    let mut pattern = "^".to_owned();
    for line in settled(expected).trim_end().lines() {
        if line == "..." {
            pattern.push_str(r"(?:.*\n)*?");
        } else {
            pattern.push_str(&regex::escape(line).replace(r"\[\.\.\]", ".*"));
            pattern.push_str(r"\n");
        }
    }
    pattern.push('$');
    let output = format!("{}\n", settled(output).trim_end());
    Regex::new(&pattern).unwrap().is_match(if expected.is_empty() {
        output.trim_start()
    } else {
        &output
    })
}

/// A shell in the repository of the demo, with the built program on its path.
struct Shell {
    dir: tempfile::TempDir,
    code: i32,
}

impl Shell {
    fn new() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        fs::create_dir(dir.path().join("sample")).unwrap();
        let mut shell = Self { dir, code: 0 };
        shell.run("git promote demo .");
        assert_eq!(shell.code, 0, "the demo could not be made");
        shell.run("git -C config reset -q --hard origin/main && mv config/* config/.git .");
        assert_eq!(shell.code, 0, "the demo could not be brought to its start");
        shell
    }

    /// Standard output and standard error in one, as on a terminal.
    fn run(&mut self, command: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_git-promote")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(programs.to_path_buf()).chain(std::env::split_paths(&path));
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("exec 2>&1\n(exit {})\n{command}", self.code))
            .current_dir(self.dir.path().join("sample"))
            .env("PATH", std::env::join_paths(paths).unwrap())
            .env("HOME", self.dir.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        self.code = output.status.code().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn the_console_blocks_print_what_they_show() {
    let readme = readme();
    let mut shell = Shell::new();
    let blocks = blocks(&readme, "console");
    assert!(blocks.len() >= 5, "the README shows {} console blocks", blocks.len());
    let mut before = readme.as_str();
    for block in blocks {
        let (hidden, behind) = before.split_once(block).unwrap();
        before = behind;
        prepare(&mut shell, hidden);
        run_block(&mut shell, block);
    }
}

/// Runs what comments (`<!-- run: ... -->`) make ready for the next block.
fn prepare(shell: &mut Shell, text: &str) {
    for comment in text.split("<!-- run: ").skip(1) {
        let output = shell.run(comment.split_once(" -->").unwrap().0);
        assert_eq!(shell.code, 0, "{comment}: {output}");
    }
}

fn run_block(shell: &mut Shell, block: &str) {
    for (command, expected) in commands(block) {
        let output = shell.run(command);
        assert!(fits(&expected, &output), "$ {command}\n{output}\nbut README.md has\n{expected}");
    }
}

#[test]
fn what_does_not_fit_is_found() {
    assert!(fits("a  1h\n...\nz [..]\n", "a      30d\nb\nc\nz 26\n"));
    assert!(fits("a\n...\nb\n", "a\nb\n") && fits("", ""));
    assert!(!fits("a\n", "a\nb\n") && !fits("", "a\n") && !fits("v1.2.0\n", "v1x2.0\n"));
}

/// The cells of each row of the table with this head.
fn table(readme: &str, head: &str) -> Vec<Vec<String>> {
    let (_, rest) = readme.split_once(head).unwrap();
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells =
        |row: &str| row.trim_matches('|').split(" | ").map(|c| c.trim().to_owned()).collect();
    rows.map(cells).collect()
}

#[test]
fn the_rules_are_those_of_the_code() {
    let shown = table(&readme(), "| rule | refuses | override |");
    let override_of = |info: &RuleInfo| match (info.overridable, can_be_listed(info)) {
        (true, _) => "yes",
        (false, true) => "config",
        (false, false) => "no",
    };
    let held: Vec<Vec<String>> = RULES
        .iter()
        .map(|info| vec![info.rule.to_string(), info.refuses.into(), override_of(info).into()])
        .collect();
    assert_eq!(shown, held);
}

/// Whether an `[[override]]` may list the rule.
fn can_be_listed(info: &RuleInfo) -> bool {
    let (rule, head) = (info.rule, "version = 1\n[[environment]]\nname = \"dev\"\n");
    promote::config::from_toml(&format!("{head}[[override]]\nrule = \"{rule}\"\n")).is_ok()
}

#[test]
fn the_exit_codes_are_those_of_the_code() {
    let shown = table(&readme(), "| code | means |");
    let shown: Vec<u8> = shown.iter().map(|row| row[0].parse().unwrap()).collect();
    // A variant that is not listed here does not compile.
    let next = |exit: Exit| match exit {
        Exit::Done => Some(Exit::Differs),
        Exit::Differs => Some(Exit::Usage),
        Exit::Usage => Some(Exit::Refused),
        Exit::Refused => Some(Exit::Auth),
        Exit::Auth => Some(Exit::NotFound),
        Exit::NotFound => Some(Exit::Conflict),
        Exit::Conflict => Some(Exit::Unavailable),
        Exit::Unavailable => Some(Exit::Invalid),
        Exit::Invalid => Some(Exit::Partly),
        Exit::Partly => Some(Exit::Bug),
        Exit::Bug => Some(Exit::Git),
        Exit::Git => Some(Exit::HungUp),
        Exit::HungUp => Some(Exit::Interrupted),
        Exit::Interrupted => Some(Exit::ClosedPipe),
        Exit::ClosedPipe => Some(Exit::Terminated),
        Exit::Terminated => None,
    };
    let held: Vec<u8> = std::iter::successors(Some(Exit::Done), |exit| next(*exit))
        .map(|exit| exit as u8)
        .collect();
    assert_eq!(shown, held);
}

#[test]
fn the_sample_config_is_valid_and_every_link_leads_somewhere() {
    let readme = readme();
    for sample in blocks(&readme, "toml") {
        promote::config::from_toml(sample).unwrap();
    }
    let link = Regex::new(r"\]\(([^)#]+)").unwrap();
    for found in link.captures_iter(&readme) {
        let target = &found[1];
        let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(target).exists();
        assert!(there || target.starts_with("https://"), "README.md links to {target}");
    }
}

/// A repository with the config in which dev runs v1.3.0 and staging what the
/// files of the examples say.
fn repo_of(config: &str, examples: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("promote.toml", config);
    for (path, text) in examples {
        sandbox.write(path, text);
        sandbox.write(&path.replace("staging", "dev"), &moved(text));
    }
    sandbox.git(["add", "-A"]);
    sandbox.git(["commit", "-q", "-m", "Start"]);
    sandbox
}

/// The example with v1.3.0 in every line that says that it moves.
fn moved(text: &str) -> String {
    let line = |line: &str| {
        let new = if line.ends_with("# moves") { "v1.3.0" } else { "v1.2.0" };
        line.replace("v1.2.0", new) + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn the_examples_of_declared_fields_promote() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n### Fields\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let mut tried = 0;
    for part in section.split("```toml\n").skip(1) {
        let config = part.split_once("```").unwrap().0;
        let path = |block| str::split_once(block, '\n').unwrap().0.trim_start_matches("# ");
        let examples: Vec<(&str, &str)> =
            blocks(part, "yaml").into_iter().map(|block| (path(block), block)).collect();
        let sandbox = repo_of(config, &examples);
        let output = Command::new(env!("CARGO_BIN_EXE_git-promote"))
            .args(["dev", "staging", "--all"])
            .current_dir(&sandbox.root)
            .envs(environment(sandbox.dir.path()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        for (path, text) in examples {
            assert_eq!(sandbox.read(path), moved(text), "{path}: {said}");
            assert_ne!(moved(text), text, "{path} shows nothing that moves");
            tried += 1;
        }
    }
    assert!(tried >= 4, "docs/config.md has {tried} examples of declared fields");
}

#[test]
fn the_demo_speaks_as_it_was_called_and_can_be_quiet() {
    let dir = tempfile::TempDir::new().unwrap();
    let demo = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.arg("demo").args(args).current_dir(dir.path());
        let output = command.envs(environment(dir.path())).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let tour = demo(env!("CARGO_BIN_EXE_kubectl-promote"), &["plugin"]);
    assert!(tour.contains("\n$ kubectl promote api@v1.4.0 prod\n"), "{tour}");
    assert!(!tour.contains("git promote "), "{tour}");
    let quiet = demo(env!("CARGO_BIN_EXE_git-promote"), &["-q", "quiet"]);
    assert_eq!(quiet.trim_end(), dir.path().join("quiet/config").to_str().unwrap());
    assert!(dir.path().join("quiet/config/promote.toml").exists());
}
