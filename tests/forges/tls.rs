//! What the environment says of connections. https with the one crypto provider
//! that is linked: a certificate of a known authority is trusted, any other is
//! not, and then nothing is sent. And proxies.
//!
//! The environment is that of a process, so the client runs in one of its own:
//! this program again, with one test.

use std::io::BufReader;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use promote::forge::{Limits, Token, connect};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion, version};
use serde_json::json;

use crate::faults::TOKEN;
use crate::github_double::place;
use crate::server::{Reply, Server, answer, request};

/// An authority, and its certificate as PEM.
fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), own)
}

/// A server on loopback that has a certificate for `name`; gives its port.
fn serve(
    authority: &Issuer<'static, KeyPair>,
    name: &str,
    version: &'static SupportedProtocolVersion,
    asked: Arc<AtomicUsize>,
) -> u16 {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, authority).unwrap().der().clone()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            // A client that does not trust it hangs up.
            let Ok(Some(received)) = request(&mut stream) else { continue };
            assert_eq!(received.header("authorization"), format!("Bearer {TOKEN}"));
            asked.fetch_add(1, Ordering::SeqCst);
            let reply = Reply::json(200, &json!([]));
            drop(answer(stream.get_mut(), &reply, &AtomicBool::new(false)));
        }
    });
    port
}

/// The client in a process that trusts what is in a file.
fn client(origin: &str, trusted: &Path) -> String {
    alone(origin, &[("SSL_CERT_FILE", &trusted.to_string_lossy())])
}

/// The client in a process with these variables.
fn alone(origin: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tls::the_client_alone", "--ignored", "--nocapture"]);
    let proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    for name in proxies.iter().chain(&["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUEST_METHOD"]) {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command.env("FORGES_TLS_ORIGIN", origin).envs(variables.iter().copied());
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

/// Runs as a child of the other tests here.
#[test]
#[ignore = "the client of the tests below, which start it"]
#[expect(clippy::print_stdout, reason = "it tells its parent")]
fn the_client_alone() {
    let Ok(origin) = std::env::var("FORGES_TLS_ORIGIN") else { return };
    let limits = Limits { tries: 1, ..Limits::default() };
    let forge = connect(&place(&origin), &Token::new(TOKEN, "a test"), limits);
    match forge.and_then(|forge| forge.open_requests()) {
        Ok(found) => println!("found {}", found.len()),
        Err(error) => println!("exit {} {error}", error.exit_code()),
    }
}

#[test]
fn known_authorities_are_trusted_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, own) = authority("ours");
    let (_, other) = authority("other");
    let (good, bad) = (dir.path().join("own.pem"), dir.path().join("other.pem"));
    std::fs::write(&good, own).unwrap();
    std::fs::write(&bad, other).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let start = |name, version| serve(&ours, name, version, Arc::clone(&count));
    let asked = Mutex::new(0);
    let nothing_more = |more: usize| {
        *asked.lock().unwrap() += more;
        assert_eq!(count.load(Ordering::SeqCst), *asked.lock().unwrap());
    };

    for version in [&version::TLS13, &version::TLS12] {
        let origin = format!("https://127.0.0.1:{}", start("127.0.0.1", version));
        let said = client(&origin, &good);
        assert!(said.contains("found 0"), "{said}");
        nothing_more(1);
        let said = client(&origin, &bad);
        assert!(said.contains("exit 7") && said.contains("UnknownIssuer"), "{said}");
        nothing_more(0);
    }
    let origin = format!("https://127.0.0.1:{}", start("git.example", &version::TLS13));
    let said = client(&origin, &good);
    assert!(said.contains("exit 7") && said.contains("not valid for name"), "{said}");
    nothing_more(0);
    // No authority at all.
    let said = client(&origin, &dir.path().join("none.pem"));
    assert!(said.contains("exit 8") && said.contains("No CA certificates"), "{said}");
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    let proxy = Server::start(|received| {
        assert_eq!(received.path, "http://git.example/repos/acme/config/pulls");
        Reply::json(200, &json!([]))
    });
    let said = alone("http://git.example", &[("http_proxy", &proxy.origin())]);
    assert!(said.contains("found 0"), "{said}");
    assert_eq!(proxy.received().len(), 1);
    let direct = Server::start(|_| Reply::json(200, &json!([])));
    let variables = [("http_proxy", &*proxy.origin()), ("no_proxy", "127.0.0.1")];
    assert!(alone(&direct.origin(), &variables).contains("found 0"));
    assert_eq!((proxy.received().len(), direct.received().len()), (1, 1));
}
