//! The git of the forge: merges by real git, and the repository over HTTP.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::faults::TOKEN;
use crate::server::{Received, Reply};
use crate::world::{Hub, ok};

/// Merges a request into its base, as GitHub does it. A squash keeps the title
/// alone, so that the records of commits are lost.
pub(crate) fn merge(hub: &mut Hub, at: usize, method: &str) {
    let pull = hub.pulls[at].clone();
    let work = hub.home.join(format!("merging-{}", pull.number));
    let (bare, to) = (hub.bare.display().to_string(), work.display().to_string());
    let run = |args: &[&str]| ok(&hub.home, &work, args);
    ok(&hub.home, &hub.home, &["clone", "-q", "--branch", &pull.base, &bare, &to]);
    let head = format!("origin/{}", pull.head);
    let title = format!("{} (#{})", pull.title, pull.number);
    match method {
        "merge" => {
            let title = format!("Merge pull request #{} from {}", pull.number, pull.head);
            run(&["merge", "-q", "--no-ff", "-m", &title, &head]);
        }
        "rebase" => {
            run(&["checkout", "-q", "--detach", &head]);
            run(&["rebase", "-q", "--force-rebase", &pull.base]);
        }
        _ => {
            run(&["merge", "-q", "--squash", &head]);
            run(&["commit", "-q", "-m", &title]);
        }
    }
    run(&["push", "-q", "origin", &format!("HEAD:refs/heads/{}", pull.base)]);
    std::fs::remove_dir_all(&work).unwrap();
    hub.pulls[at].merged = true;
    hub.pulls[at].auto_merge = None;
}

/// The repository over HTTP, by git's own program for it.
pub(crate) fn serve(root: &Path, received: &Received, closed: bool) -> Reply {
    let key = format!("Basic {}", BASE64_STANDARD.encode(format!("robot:{TOKEN}")));
    if closed && received.header("authorization") != key {
        return Reply::text(401, "text/plain", "who is it?")
            .header("WWW-Authenticate", "Basic realm=\"git\"");
    }
    let query: Vec<String> =
        received.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("PATH_INFO", &received.path).env("QUERY_STRING", query.join("&"));
    command.env("REQUEST_METHOD", &received.method);
    command.env("CONTENT_TYPE", received.header("content-type"));
    command.env("CONTENT_LENGTH", received.body.len().to_string());
    command.env("HTTP_CONTENT_ENCODING", received.header("content-encoding"));
    command.env("GIT_PROTOCOL", received.header("git-protocol"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let body = received.body.clone();
    let writing = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let mut reply = Reply { status: 200, ..Reply::default() };
    for line in head.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            reply.status = value.split(' ').next().unwrap().parse().unwrap();
        } else {
            reply = reply.header(name, value);
        }
    }
    reply.body = output.stdout[end + 4..].to_vec();
    reply
}

/// Somebody puts a commit of their own on a branch, in place of what is there.
pub(crate) fn interfere(hub: &Hub, branch: &str) {
    let run = |args: &[&str]| ok(&hub.home, &hub.bare, args).trim().to_owned();
    let commit = run(&["commit-tree", "-p", "main", "-m", "Mine", "main^{tree}"]);
    run(&["update-ref", &format!("refs/heads/{branch}"), &commit]);
}
