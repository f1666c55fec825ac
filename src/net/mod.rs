//! What every client of a service on the network stands on: one way to connect,
//! what a lost connection is from, which texts no message may hold, and
//! programs that are asked for a secret.

mod program;
mod secrets;

pub use program::{Said, ask};
pub use secrets::Secrets;

use std::error::Error;
use std::net::IpAddr;

use reqwest::{Client, ClientBuilder, Url};
use tokio::runtime::Runtime;

/// What we call ourselves.
pub const AGENT: &str = concat!("git-promote/", env!("CARGO_PKG_VERSION"));

/// A client with the proxies and certificates of the system, which follows no
/// redirect by itself. `with` sets its deadlines.
pub fn client(with: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Client, String> {
    // Fails where one is chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
    with(builder).build().map_err(|error| {
        let why = deepest(&error).map(ToString::to_string).unwrap_or_default();
        format!("no connection can be made: {why}")
    })
}

/// Whether an address is on this machine, which no proxy leads to.
pub fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let loopback = bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    loopback || host == "localhost" || host.ends_with(".localhost")
}

/// A runtime for one client, on this thread.
pub fn runtime() -> Result<Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no connection can be made: {error}"))
}

/// An error and what it is from.
pub fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

/// What an error is from in the end.
pub fn deepest<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    chain(error).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (address, local) in [
            ("https://127.0.0.1:5000/v2/", true),
            ("https://[::1]:5000/", true),
            ("https://localhost/", true),
            ("http://registry.example/", false),
            ("https://localhost.example/", false),
        ] {
            assert_eq!(is_local(&address.parse().unwrap()), local, "{address}");
        }
    }
}
