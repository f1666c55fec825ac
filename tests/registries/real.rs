//! Debian's `docker-registry` on loopback, filled by the tests themselves, and
//! `skopeo` to compare with.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::image::{Image, Part, digest};

/// Says aloud that a test was not carried out.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// A registry that runs until it is dropped.
pub(crate) struct Registry {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Registry {
    /// `None`, said aloud, where there is no such program.
    pub(crate) fn start() -> Option<Self> {
        for _ in 0..5 {
            let dir = tempfile::Builder::new().prefix("promote-registry-").tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let config = dir.path().join("config.yml");
            let text = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
                 delete: {{enabled: true}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n",
                dir.path().join("data").display()
            );
            std::fs::write(&config, text).unwrap();
            let mut command = Command::new("docker-registry");
            command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
            let child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    skipped(&format!("docker-registry: {error}"));
                    return None;
                }
            };
            let mut registry = Self { child, dir, port };
            if registry.answers() {
                return Some(registry);
            }
        }
        panic!("docker-registry does not start");
    }

    fn answers(&mut self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10) {
            if self.child.try_wait().unwrap().is_some() {
                // Somebody else was quicker to take the port.
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    fn send(&self, (method, target): (&str, &str), kind: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.host(),
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        let status = said.split(' ').nth(1).unwrap().parse().unwrap();
        (status, said)
    }

    /// Puts an image into a repository, under a tag.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        for blob in &image.blobs {
            let (status, said) =
                self.send(("POST", &format!("/v2/{repository}/blobs/uploads/")), "text/plain", b"");
            assert_eq!(status, 202, "{said}");
            let location = said.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
            let path = location.trim().split_once(&self.host()).map_or(location, |(_, path)| path);
            let target = format!("{}&digest={}", path.trim(), digest(blob));
            let (status, said) = self.send(("PUT", &target), "application/octet-stream", blob);
            assert_eq!(status, 201, "{said}");
        }
        for part in &image.manifests {
            self.put(repository, &part.digest(), part);
        }
        for (name, part) in &image.tagged {
            self.put(repository, name, part);
        }
        self.put(repository, tag, image.top());
    }

    fn put(&self, repository: &str, reference: &str, part: &Part) {
        let target = format!("/v2/{repository}/manifests/{reference}");
        let (status, said) = self.send(("PUT", &target), part.media_type, &part.bytes);
        assert_eq!(status, 201, "{said}");
    }

    /// The tags of a repository.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let (status, said) = self.send(("GET", &format!("/v2/{repository}/tags/list")), "", b"");
        if status == 404 {
            return Vec::new();
        }
        let json = said.split_once("\r\n\r\n").unwrap().1;
        let json: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
        let tags = json["tags"].as_array().cloned().unwrap_or_default();
        tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The digest that skopeo finds, and the raw bytes; `None`, said aloud, where
/// there is no skopeo.
pub(crate) fn skopeo(image: &str) -> Option<(String, Vec<u8>)> {
    let ask = |args: &[&str]| {
        let mut command = Command::new("skopeo");
        command.args(["inspect", "--tls-verify=false"]).args(args);
        command.arg(format!("docker://{image}")).env("HOME", "/nonexistent").output()
    };
    let output = match ask(&["--raw"]) {
        Ok(output) => output,
        Err(error) => {
            skipped(&format!("skopeo: {error}"));
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some((digest(&output.stdout), output.stdout))
}

/// The built program, in a directory, with no credentials of the machine.
pub(crate) fn promote(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_git-promote"));
    command.args(args).current_dir(dir).stdin(Stdio::null());
    for name in ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    for name in ["SOURCE", "DEST"] {
        for end in ["REGISTRY", "STAGE", "AUTH_OVERRIDE"] {
            command.env_remove(format!("{name}_{end}"));
        }
    }
    command.env("HOME", dir).env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C.UTF-8");
    command
}
