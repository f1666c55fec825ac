//! `check` under kill, with too little memory, on broken objects and on bad
//! input: it never passes what it did not prove.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::kit::{LINE, Run, at, line, overlay, put, repo, run, save, start};
use crate::krew::skip;
use crate::testkit::{Sandbox, environment};

const PROGRAM: &str = env!("CARGO_BIN_EXE_git-promote");

/// `main` with a promotion (`good`) and a skip (`bad`) on branches.
fn branches() -> Sandbox {
    let sandbox = line();
    for (name, env) in [("good", "staging"), ("bad", "prod")] {
        sandbox.git(["checkout", "-q", "-b", name, "main"]);
        put(&sandbox, "web", env, "v1.2.3");
    }
    sandbox.git(["checkout", "-q", "main"]);
    sandbox
}

fn ask(sandbox: &Sandbox, range: &str) -> Output {
    run(sandbox, &["check", range]).output()
}

/// The promotion as it is judged when nothing is in the way.
fn pass(sandbox: &Sandbox) -> Vec<u8> {
    let output = ask(sandbox, "main..good");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(ask(sandbox, "main..bad").status.code(), Some(3));
    output.stdout
}

/// A disturbed run of each: the skip never passes, and the promotion only
/// with the very words of an undisturbed one.
#[track_caller]
fn assert_sound(what: &str, pass: &[u8], good: &Output, bad: &Output) {
    assert_ne!(bad.status.code(), Some(0), "{what}: {}", text(&bad.stdout));
    let right = good.status.code() != Some(0) || good.stdout == pass;
    assert!(right, "{what}: {}", text(&good.stdout));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(unix)]
#[test]
fn a_killed_run_never_passes() {
    use std::os::unix::process::ExitStatusExt as _;
    let sandbox = branches();
    let expected = pass(&sandbox);
    let mut killed = 0;
    for round in 0..24_u64 {
        let range = if round % 2 == 0 { "main..good" } else { "main..bad" };
        let mut child = run(&sandbox, &["check", range]).spawn();
        std::thread::sleep(Duration::from_millis(round * 7 % 60));
        if round % 3 == 0 {
            Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        } else {
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let code = if round % 2 == 0 { 0 } else { 3 };
        killed += usize::from(output.status.signal().is_some());
        let ended = output.status.code() == Some(code) && (code != 0 || output.stdout == expected);
        assert!(output.status.signal().is_some() || ended, "{output:?}");
    }
    assert!(killed > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn with_too_little_memory_nothing_passes_wrongly() {
    let sandbox = branches();
    let expected = pass(&sandbox);
    let limited = |limit: u64, range: &str| {
        let script = format!("ulimit -c 0; ulimit -v {limit}; exec \"$@\"");
        start(&sandbox, "sh", &["-c", &script, "sh", PROGRAM, "check", range]).output()
    };
    let mut codes = Vec::new();
    for limit in [4, 8, 12, 16, 20, 24, 28, 32, 40, 60, 100, 400].map(|mib| mib << 10) {
        let (good, bad) = (limited(limit, "main..good"), limited(limit, "main..bad"));
        assert_sound(&format!("{limit} KiB"), &expected, &good, &bad);
        codes.push(good.status.code());
    }
    assert!(codes.first() != Some(&Some(0)) && codes.last() == Some(&Some(0)), "{codes:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_goes_nowhere_is_no_pass() {
    let sandbox = branches();
    for range in ["main..good", "main..bad"] {
        let mut child = run(&sandbox, &["check", range]).spawn();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
        let script = "exec \"$@\" >/dev/full";
        let args = ["-c", script, "sh", PROGRAM, "check", range];
        let output = start(&sandbox, "sh", &args).output();
        assert!(!matches!(output.status.code(), Some(0) | None), "{output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_that_cannot_be_written_is_said() {
    let sandbox = branches();
    fs::create_dir(sandbox.dir.path().join("taken")).unwrap();
    for file in ["/dev/full", "../taken", "../nowhere/file", "promote.toml/x"] {
        for range in ["main..good", "main..bad"] {
            let output = run(&sandbox, &["check", range, "--report", &format!("sarif={file}")]);
            let output = output.output();
            assert!(!matches!(output.status.code(), Some(0) | None), "{file}: {output:?}");
            assert!(text(&output.stderr).contains(file), "{output:?}");
        }
    }
    let run = run(&sandbox, &["check", "main..good", "--ci", "github"]);
    let output = run.env("GITHUB_STEP_SUMMARY", "/dev/full").output();
    assert!(!matches!(output.status.code(), Some(0) | None), "{output:?}");
}

/// The files of the object store below `objects`.
fn stored(sandbox: &Sandbox, ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![sandbox.root.join(".git/objects")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap();
            if path.is_dir() {
                open.push(path);
            } else if ends.is_empty() || ends.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Replaces a file of the store for one look.
fn disturbed(sandbox: &Sandbox, expected: &[u8], what: (&Path, &str), bytes: Option<&[u8]>) {
    let (file, how) = what;
    let old = fs::read(file).unwrap();
    fs::remove_file(file).unwrap();
    if let Some(bytes) = bytes {
        fs::write(file, bytes).unwrap();
    }
    let (good, bad) = (ask(sandbox, "main..good"), ask(sandbox, "main..bad"));
    assert_sound(&format!("{} {how}", file.display()), expected, &good, &bad);
    if bytes.is_some() {
        fs::remove_file(file).unwrap();
    }
    fs::write(file, old).unwrap();
}

fn flipped(old: &[u8], at: usize) -> Vec<u8> {
    let mut new = old.to_vec();
    new[at] ^= 0x55;
    new
}

/// Flips a byte of each loose object at some places, cuts it, takes it away,
/// and puts another object in its place.
fn break_objects(step: usize) {
    let sandbox = branches();
    let expected = pass(&sandbox);
    let objects = stored(&sandbox, &[]);
    for (number, file) in objects.iter().enumerate().step_by(step) {
        let old = fs::read(file).unwrap();
        let other = fs::read(&objects[(number + 7) % objects.len()]).unwrap();
        let at = old.len() * (number % 5 + 1) / 6;
        disturbed(&sandbox, &expected, (file, "flipped"), Some(&flipped(&old, at)));
        disturbed(&sandbox, &expected, (file, "cut"), Some(&old[..old.len() / 2]));
        disturbed(&sandbox, &expected, (file, "empty"), Some(b""));
        disturbed(&sandbox, &expected, (file, "missing"), None);
        disturbed(&sandbox, &expected, (file, "another"), Some(&other));
    }
}

#[test]
fn broken_loose_objects_never_pass() {
    break_objects(4);
}

#[test]
#[ignore = "part of the full test"]
fn no_broken_loose_object_passes() {
    break_objects(1);
}

/// Flips bytes of pack and index at `places` places, and cuts them.
fn break_packs(places: usize) {
    let sandbox = branches();
    let expected = pass(&sandbox);
    sandbox.git(["repack", "-adq"]);
    for file in stored(&sandbox, &[".pack", ".idx"]) {
        let old = fs::read(&file).unwrap();
        for place in 0..places {
            let at = old.len() * place / places + place % 3;
            let new = flipped(&old, at.min(old.len() - 1));
            disturbed(&sandbox, &expected, (&file, &format!("flipped at {at}")), Some(&new));
        }
        for length in [0, 9, old.len() / 3, old.len() - 25] {
            let how = format!("cut to {length}");
            disturbed(&sandbox, &expected, (&file, &how), Some(&old[..length]));
        }
    }
}

#[test]
fn broken_packs_never_pass() {
    break_packs(12);
}

#[test]
#[ignore = "part of the full test"]
fn no_broken_byte_of_a_pack_passes() {
    break_packs(600);
}

#[test]
fn what_is_missing_is_named_with_the_cure() {
    let sandbox = branches();
    for name in ["bad", "bad^{tree}", "main:apps/web/overlays/prod/kustomization.yaml"] {
        let id = sandbox.git(["rev-parse", name]).trim().to_owned();
        let file = sandbox.root.join(format!(".git/objects/{}/{}", &id[..2], &id[2..]));
        let old = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let tip = sandbox.root.join(".git/refs/heads/bad");
        let range = format!("main..{}", fs::read_to_string(tip).unwrap().trim());
        let output = ask(&sandbox, &range);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!matches!(output.status.code(), Some(0) | None), "{said}");
        assert!(said.contains(&id) && said.contains("git fetch"), "{name}: {said}");
        fs::write(file, old).unwrap();
    }
}

/// Lets the nth call fail, for each `step`th n.
fn fail_calls(step: usize) {
    let tries = Command::new("strace").args(["-qq", "true"]).output();
    if !tries.is_ok_and(|output| output.status.success()) {
        skip("strace is missing or may not trace: no call was made to fail");
        return;
    }
    let sandbox = branches();
    let expected = pass(&sandbox);
    let log = sandbox.dir.path().join("strace.log").display().to_string();
    for (call, error) in [("openat", "EIO"), ("read", "EIO"), ("mmap", "ENOMEM"), ("statx", "EIO")]
    {
        for number in (1..).step_by(step) {
            let rule = format!("inject={call}:error={error}:when={number}");
            let asked = |range: &str| {
                let trace = format!("trace={call}");
                let args = ["-f", "-qq", "-e", &trace, "-e", &rule, "-o", &log, PROGRAM, "check"];
                start(&sandbox, "strace", &[&args[..], &[range]].concat()).output()
            };
            let bad = asked("main..bad");
            if !fs::read_to_string(&log).unwrap().contains("(INJECTED)") {
                assert!(number > step, "nothing was injected into {call}");
                break;
            }
            assert_sound(&rule, &expected, &asked("main..good"), &bad);
        }
    }
}

#[test]
fn a_failing_call_never_passes() {
    fail_calls(9);
}

#[test]
#[ignore = "part of the full test"]
fn no_failing_call_passes() {
    fail_calls(1);
}

/// Commits made of a stream for `git fast-import`.
fn import(sandbox: &Sandbox, stream: &str) {
    let mut child = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(&sandbox.root)
        .envs(environment(sandbox.dir.path()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// The beginning of a commit on `main`.
fn commit(branch: &str) -> String {
    format!(
        "commit refs/heads/{branch}\ncommitter A <a@example.com> 1700000000 +0000\ndata 1\nx\n\
         from refs/heads/main^0\n"
    )
}

fn file(stream: &mut String, path: &str, text: &str) {
    write!(stream, "M 100644 inline {path}\ndata {}\n{text}\n", text.len()).unwrap();
}

/// Guards against a run that does not end, or eats all memory.
fn bounded<'a>(sandbox: &'a Sandbox, args: &[&str]) -> Run<'a> {
    let script = "ulimit -v 3000000; exec timeout 120 \"$@\"";
    start(sandbox, "sh", &[&["-c", script, "sh", PROGRAM, "check"], args].concat())
}

/// Everything that is printed; the exit code has to be this one.
#[track_caller]
fn said(run: Run<'_>, code: i32) -> String {
    let output = run.output();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

#[test]
fn a_base_without_config_proves_nothing() {
    let sandbox = repo(&[("README.md", "x\n")]);
    save(&sandbox, "Config", &[("promote.toml", LINE)]);
    let told = said(run(&sandbox, &["check", "HEAD^..HEAD"]), 3);
    assert!(told.contains("no promote.toml") && told.contains("--adopt"), "{told}");
    let told = said(run(&sandbox, &["check", "HEAD^..HEAD", "--adopt"]), 0);
    assert!(told.contains("--adopt"), "{told}");
    save(&sandbox, "Broken", &[("promote.toml", "version = 1\n[[environment]]\nname = 3\n")]);
    let told = said(run(&sandbox, &["check", "HEAD^..HEAD"]), 3);
    assert!(told.contains("promote.toml"), "{told}");
    save(&sandbox, "More", &[("README.md", "y\n")]);
    let told = said(run(&sandbox, &["check", "HEAD^..HEAD"]), 3);
    assert!(told.contains("promote.toml"), "{told}");
}

#[test]
fn bombs_are_refused_in_bounded_time() {
    let sandbox = branches();
    let mut aliases = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, last) in ('b'..='p').zip('a'..) {
        let all = vec![format!("*{last}"); 10].join(", ");
        writeln!(aliases, "{name}: &{name} [{all}]").unwrap();
    }
    let deep = format!("x: {}{}\n", "[".repeat(60_000), "]".repeat(60_000));
    let indented: String = (0..4000).map(|depth| " ".repeat(depth) + "a:\n").collect();
    let long = format!("x: {}\n", "y ".repeat(2 << 20));
    for (name, bomb) in
        [("alias", &aliases), ("deep", &deep), ("indent", &indented), ("long", &long)]
    {
        for (place, code) in [("overlays/prod", 3), ("base", 3)] {
            let mut stream = commit("bomb");
            file(&mut stream, &format!("apps/web/{place}/kustomization.yaml"), bomb);
            import(&sandbox, &stream);
            let told = said(bounded(&sandbox, &["main..bomb"]), code);
            assert!(told.starts_with("unverifiable") || told.starts_with("deny"), "{name}: {told}");
            assert!(told.len() < 100_000, "{name}: {} bytes are said", told.len());
            sandbox.git(["branch", "-q", "-D", "bomb"]);
        }
    }
}

#[test]
fn thousands_of_changed_files_are_judged() {
    let sandbox = branches();
    let (mut harmless, mut skips) = (commit("harmless"), commit("skips"));
    for number in 0..5_000 {
        file(&mut harmless, &format!("docs/{}/{number}.md", number % 50), "x");
    }
    for number in 0..1_000 {
        let image = "registry.example/acme/web";
        file(&mut skips, &at(&format!("app-{number}"), "prod"), &overlay(image, "v9"));
    }
    for number in 0..4_000 {
        file(&mut skips, &format!("docs/{number}.md"), "x");
    }
    import(&sandbox, &(harmless + &skips));
    said(bounded(&sandbox, &["main..harmless"]), 0);
    let told = said(bounded(&sandbox, &["main..skips"]), 3);
    assert!(told.starts_with("deny: refused by 1000 findings"), "{told}");
    assert!(told.len() < 100_000, "{} bytes are said", told.len());
}

#[test]
fn deep_and_wide_directories_are_judged() {
    let sandbox = branches();
    let mut stream = commit("deep");
    file(&mut stream, &format!("{}x.yaml", "d/".repeat(1_000)), "x: 1\n");
    file(&mut stream, &format!("apps/web/overlays/prod/{}x.yaml", "d/".repeat(1_000)), "x: 1\n");
    stream += &commit("wide");
    let empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
    for number in 0..20_000 {
        writeln!(stream, "M 100644 {empty} wide/{number}").unwrap();
    }
    sandbox.git(["hash-object", "-w", "-t", "blob", "/dev/null"]);
    import(&sandbox, &stream);
    for range in ["main..deep", "main..wide", "deep..main", "wide..main"] {
        let output = bounded(&sandbox, &[range]).output();
        assert!(matches!(output.status.code(), Some(0 | 3)), "{range}: {output:?}");
        assert!(text(&output.stdout).len() < 100_000);
    }
}

#[test]
#[ignore = "part of the full test: writes 200 MB"]
fn huge_files_are_judged() {
    let sandbox = branches();
    let huge = "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\n".repeat(5 << 20);
    for path in
        ["docs/huge.yaml", "apps/web/overlays/prod/huge.yaml", "apps/web/base/deployment.yaml"]
    {
        let mut stream = commit("huge");
        file(&mut stream, path, &huge);
        import(&sandbox, &stream);
        let output = bounded(&sandbox, &["main..huge"]).output();
        let right = output.status.code() == Some(3)
            || output.status.code() == Some(0) && !path.ends_with("deployment.yaml");
        assert!(right, "{path}: {output:?}");
        sandbox.git(["branch", "-q", "-D", "huge"]);
    }
}

#[test]
fn names_of_files_reach_no_terminal_as_they_are() {
    let sandbox = branches();
    let mut stream = commit("names");
    let name = "apps/web/overlays/prod/\\nfoo\\033[31m\\342\\200\\256\\302\\205::error::x";
    file(&mut stream, &format!("\"{name}/kustomization.yaml\""), "resources: [https://a.b/c]\n");
    file(&mut stream, &format!("\"{name}.yaml\""), "kind: ConfigMap\n");
    let text = "resources:\n- ../../base\n- \"\\nfoo\\e[31m\\u202e\\x85::error::x\"\n";
    file(&mut stream, &at("web", "prod"), text);
    let text = overlay("registry.example/acme/web", "\"v\\e[31m\\u202e\\n::error::x\"");
    file(&mut stream, &at("web", "staging"), &text);
    import(&sandbox, &stream);
    let reports = ["junit", "markdown", "sarif", "codequality"];
    let files = reports.map(|kind| sandbox.dir.path().join(kind));
    let options: Vec<String> = reports
        .iter()
        .zip(&files)
        .map(|(kind, file)| format!("--report={kind}={}", file.display()))
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    for form in ["table", "wide", "json", "yaml", "ndjson", "tsv", "markdown"] {
        for ci in ["none", "github", "gitlab", "azure"] {
            let args = [&["check", "main..names", "-v", "-o", form, "--ci", ci], &options[..]];
            let output = run(&sandbox, &args.concat()).output();
            if output.status.code() == Some(2) {
                continue;
            }
            let mut said = text_of(&output);
            for file in &files {
                said += &fs::read_to_string(file).unwrap();
            }
            let raw = |c: char| c.is_control() && !"\n\t".contains(c) || c == '\u{202e}';
            assert_eq!(said.find(raw), None, "{form} {ci}: {said:?}");
            let forged = |line: &str| line.trim_start().starts_with("::error::x");
            assert!(!said.lines().any(forged), "{form} {ci}: {said}");
            assert_eq!(output.status.code(), Some(3), "{said}");
        }
    }
}

fn text_of(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}
