//! `status --watch`, on a terminal and elsewhere.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::kit::{line, put, run};
use crate::krew::skip;

const PATIENCE: Duration = Duration::from_secs(20);

/// The lines of a child as they come.
fn lines(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        let mut lines = stdout.lines().map_while(Result::ok);
        drop(lines.try_for_each(|line| send.send(line)));
    });
    receive
}

/// The lines up to one that starts so.
fn until(lines: &Receiver<String>, start: &str) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{start}: {found:?}"));
        found.push(line);
        if found.last().unwrap().starts_with(start) {
            return found;
        }
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn elsewhere_each_change_is_a_block_of_its_own() {
    let repo = line();
    let mut child = run(&repo, &["status", "--watch=1s"]).spawn();
    let lines = lines(&mut child);
    let first = until(&lines, "  git promote web@v1.2.3 staging");
    assert!(first[0].starts_with("20") && first[1].starts_with("APP  DEV"), "{first:?}");
    put(&repo, "web", "staging", "v1.2.3");
    let second = until(&lines, "  git promote web@v1.2.3 prod");
    assert_eq!(second[0], "");
    // Time that goes by is no news: there is one block of each.
    assert_eq!(second.iter().filter(|line| line.starts_with("APP")).count(), 1, "{second:?}");
    assert!(second.iter().all(|line| !line.contains('\u{1b}')), "{second:?}");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn every_document_is_whole_and_a_term_ends_it() {
    let repo = line();
    let mut child = run(&repo, &["status", "web", "--watch=1s", "-o", "ndjson"]).spawn();
    let lines = lines(&mut child);
    let version = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        row["cells"][0]["version"].as_str().unwrap().to_owned()
    };
    assert_eq!(version(&lines.recv_timeout(PATIENCE).unwrap()), "v1.2.3");
    put(&repo, "web", "dev", "v1.2.4");
    assert_eq!(version(&lines.recv_timeout(PATIENCE).unwrap()), "v1.2.4");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn who_closes_the_pipe_has_seen_enough() {
    let repo = line();
    let mut child = run(&repo, &["status", "--watch=1s"]).spawn();
    let lines = lines(&mut child);
    until(&lines, "APP");
    drop(lines);
    // The thread that reads ends with the next line that nobody takes.
    let start = Instant::now();
    for version in 3.. {
        assert!(start.elapsed() < PATIENCE, "it goes on");
        put(&repo, "web", "dev", &format!("v1.3.{version}"));
        std::thread::sleep(Duration::from_millis(700));
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(141));
            return;
        }
    }
}

#[test]
fn what_cannot_be_read_at_first_is_an_error_as_ever() {
    let repo = line();
    assert_eq!(run(&repo, &["status", "nobody", "--watch=1s"]).code(), 5);
    assert_eq!(run(&repo, &["status", "--watch=often"]).code(), 2);
}

#[test]
fn a_terminal_is_left_as_it_was_and_only_what_changed_is_drawn() {
    let repo = line();
    let found = Command::new("script").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        skip("there is no script (bsdutils), no terminal was watched");
        return;
    }
    let program = env!("CARGO_BIN_EXE_git-promote");
    // The size of the terminal is set from within.
    let command = format!("stty rows 30 cols 100; '{program}' status --watch=1s; echo \"END $?\"");
    let mut child = {
        let mut terminal = Command::new("script");
        terminal.args(["-q", "-c", &command, "/dev/null"]).current_dir(&repo.root);
        terminal.envs(crate::testkit::environment(repo.dir.path())).env("TERM", "xterm");
        // Another shell may end with the program at a Ctrl-C.
        terminal.env("SHELL", "/bin/bash");
        terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        terminal.spawn().unwrap()
    };
    let mut stdout = child.stdout.take().unwrap();
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = stdout.read(&mut bytes) {
            drop(send.send(String::from_utf8_lossy(&bytes[..count]).into_owned()));
        }
    });
    let mut all = String::new();
    let mut wait = |text: &str| {
        let start = Instant::now();
        let from = all.len();
        while !all[from..].contains(text) {
            assert!(start.elapsed() < PATIENCE, "no {text:?} in {all:?}");
            all.extend(receive.recv_timeout(Duration::from_millis(200)));
        }
        all[from..].to_owned()
    };
    let first = wait("web@v1.2.3 staging");
    assert!(first.contains("\u{1b}[?1049h\u{1b}[?25l"), "{first:?}");
    put(&repo, "web", "staging", "v1.2.3");
    let second = wait("web@v1.2.3 prod");
    // What stands where it stood is not drawn once more.
    assert!(second.contains("\u{1b}[5;1H") && !second.contains("next:"), "{second:?}");
    assert!(!second.contains("behind the environment"), "{second:?}");
    assert!(!second.contains("\u{1b}[2J"), "{second:?}");
    child.stdin.take().unwrap().write_all(b"\x03").unwrap();
    let end = wait("END ");
    assert!(end.contains("\u{1b}[?25h\u{1b}[?1049l"), "{end:?}");
    assert!(end.contains("END 130"), "{end:?}");
    child.wait().unwrap();
}
