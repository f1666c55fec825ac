//! A registry on loopback that encrypts: whose certificate is trusted is said by
//! the system, or by `SSL_CERT_FILE`.

use std::io::BufReader;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::double::error;
use crate::repo::Repo;
use crate::server::{answer, request};

/// Serves with a certificate of an authority, which it gives as PEM, and its
/// port.
fn serve() -> (u16, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap().pem();
    let authority = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, &authority).unwrap().der().clone()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            // Who does not trust it hangs up.
            let Ok(Some(_)) = request(&mut stream) else { continue };
            let reply = error(404, "MANIFEST_UNKNOWN", "no such manifest");
            drop(answer(stream.get_mut(), &reply, &AtomicBool::new(false)));
        }
    });
    (port, own)
}

#[test]
fn a_certificate_that_is_not_trusted_is_told_as_that() {
    let (port, own) = serve();
    let repo = Repo::new(&[
        ("dev", format!("registry = \"https://127.0.0.1:{port}/acme\"")),
        ("prod", String::new()),
    ]);
    repo.app("dev", &format!("127.0.0.1:{port}/acme/web"), "v1");
    repo.write("own.pem", &own);
    repo.commit("Start");
    let args = ["registry", "check", "web@v1", "dev"];
    let output = repo.run(&args);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("is not trusted here") && said.contains("SSL_CERT_FILE"), "{said}");
    let file = repo.root.join("own.pem");
    let output = repo.run_with(&args, &[("SSL_CERT_FILE", file.to_str().unwrap())]);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
}
