//! What is the same for every forge: one client with deadlines and limits, and
//! where a token may go.
//!
//! Redirects are followed for reading alone and never to another origin, so
//! that a token stays where it belongs. A read is tried again where that may
//! help; a write never, unless the forge says that it did not do it.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, USER_AGENT,
};
use reqwest::{Client, ClientBuilder, Method, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::meaning::{Lost, MOST_WORDS, lost, spoken, verdict};
use super::{ForgeError, Token};
use crate::net::{self, AGENT, Secrets};

/// How long and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one request with its whole answer.
    pub request: Duration,
    /// The pause before a read is tried again; longer each time.
    pub pause: Duration,
    /// The longest wait that a forge may ask for (`Retry-After`).
    pub wait: Duration,
    /// How often a read is tried.
    pub tries: u32,
    /// Bytes of an answer.
    pub body: usize,
    /// Pages of a list.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            pause: Duration::from_millis(500),
            wait: Duration::from_secs(60),
            tries: 3,
            body: 16 << 20,
            pages: 100,
        }
    }
}

/// How many of the largest answers a list may be in sum.
const LIST: usize = 8;

/// Redirects of one read that are followed.
const MOST_REDIRECTS: usize = 5;

/// A client of one forge.
pub(super) struct Http {
    forge: &'static str,
    base: Url,
    headers: HeaderMap,
    limits: Limits,
    client: Client,
    /// What carries requests in the end.
    wire: Box<dyn Wire>,
    runtime: Runtime,
    secrets: Secrets,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

/// An answer that is still to come.
pub(super) type Sent = Pin<Box<dyn Future<Output = Result<reqwest::Response, BoxError>>>>;

/// Whatever kept a request from being answered.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// What carries requests: reqwest, or what stands on it.
pub(super) trait Wire {
    /// Sends a request once.
    fn send(&self, request: reqwest::Request) -> Sent;
}

impl Wire for Client {
    fn send(&self, request: reqwest::Request) -> Sent {
        let sent = self.execute(request);
        Box::pin(async { Ok(sent.await?) })
    }
}

/// A header that holds a secret: it is never shown.
pub(super) fn secret(text: &str) -> Result<HeaderValue, ForgeError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| ForgeError::Config("the token holds characters that none can".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A page of which only the length tells whether another comes.
#[derive(Deserialize)]
struct Counted<T> {
    value: Vec<T>,
}

/// A page that names the next one.
#[derive(Deserialize)]
struct Chained<T> {
    values: Vec<T>,
    next: Option<String>,
}

/// A whole answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The client that everything goes through: proxies and certificates of the
/// system, no redirects of its own.
fn client(limits: Limits, base: &Url) -> Result<Client, ForgeError> {
    let connect = limits.request.min(Duration::from_secs(10));
    let with = |builder: ClientBuilder| {
        let builder = builder.connect_timeout(connect).timeout(limits.request);
        if net::is_local(base) { builder.no_proxy() } else { builder }
    };
    net::client(with).map_err(ForgeError::Config)
}

/// A runtime for one client, on this thread.
pub(super) fn runtime() -> Result<Runtime, ForgeError> {
    net::runtime().map_err(ForgeError::Config)
}

impl Http {
    /// A client below `api`, which sends `headers` with each request.
    pub(super) fn new(
        forge: &'static str,
        api: &str,
        headers: &[(HeaderName, HeaderValue)],
        limits: Limits,
    ) -> Result<Self, ForgeError> {
        // Paths are joined below it, so it has to end in a slash.
        let base = Url::parse(&format!("{}/", api.trim_end_matches('/')))
            .map_err(|_| ForgeError::Config(format!("`{api}` is no address of a forge")))?;
        let mut all = HeaderMap::new();
        all.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        all.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            all.insert(name.clone(), value.clone());
        }
        let mut secrets = Secrets::default();
        for value in all.values().filter(|value| value.is_sensitive()) {
            let text = value.to_str().unwrap_or_default();
            // The token alone, behind `Bearer ` and the like.
            secrets.add(text.rsplit(' ').next().unwrap_or_default());
        }
        let (client, runtime) = (client(limits, &base)?, runtime()?);
        let wire = Box::new(client.clone());
        Ok(Self { forge, base, headers: all, limits, client, wire, runtime, secrets })
    }

    /// The same client, which lets nothing of a token into a message, however
    /// it is sent.
    pub(super) fn hiding(mut self, token: &Token) -> Self {
        token.hidden().iter().for_each(|text| self.secrets.add(text));
        self
    }

    /// The same client, whose requests are carried by something that stands on
    /// its connection.
    pub(super) fn through(mut self, on: impl FnOnce(Client) -> Box<dyn Wire>) -> Self {
        self.wire = {
            // What it starts runs on the same runtime.
            let _inside = self.runtime.enter();
            on(self.client.clone())
        };
        self
    }

    /// Reads one thing. `path` has no slash at its front.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, ForgeError> {
        let reply = self.read(&self.url(path, query)?)?;
        self.parse(&reply, true)
    }

    /// Reads a list to its end, page by page, as `Link: <...>; rel="next"`
    /// says.
    pub(super) fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ForgeError> {
        self.walk(self.url(path, query)?, |reply| {
            Ok((self.parse(reply, true)?, self.next_page(&reply.headers)?))
        })
    }

    /// Reads a list to its end whose pages name the next one in themselves:
    /// `{"values": [...], "next": "https://..."}`.
    pub(super) fn chained<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, ForgeError> {
        self.walk(self.url(path, query)?, |reply| {
            let page: Chained<T> = self.parse(reply, true)?;
            Ok((page.values, page.next.map(|next| self.own(&next)).transpose()?))
        })
    }

    /// Reads a list to its end whose pages are more than a list.
    pub(super) fn pages_of<P: DeserializeOwned, T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        list: fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, ForgeError> {
        self.walk(self.url(path, query)?, |reply| {
            Ok((list(self.parse(reply, true)?), self.next_page(&reply.headers)?))
        })
    }

    /// Reads a list to its end that is told how many to give and how many to
    /// skip, by these names: `{"value": [...]}`.
    pub(super) fn skipping<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        (top, skip, size): (&str, &str, usize),
    ) -> Result<Vec<T>, ForgeError> {
        let from = |skipped: usize| {
            let (size, skipped) = (size.to_string(), skipped.to_string());
            self.url(path, &[query, &[(top, &*size), (skip, &*skipped)]].concat())
        };
        let skipped = Cell::new(0);
        self.walk(from(0)?, |reply| {
            let page: Counted<T> = self.parse(reply, true)?;
            skipped.set(skipped.get() + size);
            // A short page is the last one.
            let next = (page.value.len() >= size).then(|| from(skipped.get())).transpose()?;
            Ok((page.value, next))
        })
    }

    /// Reads a list to its end whose pages have numbers: where no page names
    /// the next one, the whole length (`X-Total-Count`) tells whether there is
    /// one. `size` is how many are asked for, and by which name.
    pub(super) fn numbered<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        (name, size): (&str, usize),
    ) -> Result<Vec<T>, ForgeError> {
        let most = size.to_string();
        let query = [query, &[(name, &*most)]].concat();
        let (number, found) = (Cell::new(1_usize), Cell::new(0_usize));
        self.walk(self.url(path, &query)?, |reply| {
            let page: Vec<T> = self.parse(reply, true)?;
            found.set(found.get() + page.len());
            let asked = number.get() * size;
            number.set(number.get() + 1);
            if reply.headers.contains_key(LINK) {
                return Ok((page, self.next_page(&reply.headers)?));
            }
            let total = reply.headers.get("x-total-count").and_then(|total| total.to_str().ok());
            let more = match total.and_then(|total| total.trim().parse::<usize>().ok()) {
                // A forge may give fewer on a page than it is asked for, and
                // counts what it does not show.
                Some(total) => asked < total || (found.get() < total && !page.is_empty()),
                None => page.len() >= size,
            };
            let after = number.get().to_string();
            let next = || self.url(path, &[&*query, &[("page", &*after)]].concat());
            Ok((page, more.then(next).transpose()?))
        })
    }

    /// Reads page after page; `read` gives what a page holds and where the next
    /// one is.
    fn walk<T>(
        &self,
        first: Url,
        read: impl Fn(&Reply) -> Result<(Vec<T>, Option<Url>), ForgeError>,
    ) -> Result<Vec<T>, ForgeError> {
        let mut found = Vec::new();
        let mut next = Some(first);
        let mut left = self.limits.body.saturating_mul(LIST);
        for _ in 0..self.limits.pages {
            let Some(url) = next else { return Ok(found) };
            let reply = self.read(&url)?;
            let Some(less) = left.checked_sub(reply.body.len()) else {
                let most = self.limits.body.saturating_mul(LIST);
                return Err(self.strange(format!("a list of more than {most} bytes")));
            };
            left = less;
            let (page, after) = read(&reply)?;
            found.extend(page);
            next = after;
        }
        match next {
            None => Ok(found),
            Some(_) => Err(self.too_many_pages()),
        }
    }

    /// A list that does not end.
    pub(super) fn too_many_pages(&self) -> ForgeError {
        self.strange(format!("a list of more than {} pages", self.limits.pages))
    }

    /// How long and how much.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Writes, and reads what the forge says to it.
    pub(super) fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, ForgeError> {
        let reply = self.send(method, path, body)?;
        self.parse(&reply, false)
    }

    /// Writes; what the forge says to it does not matter. `Value::Null` is no
    /// body at all.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Reply, ForgeError> {
        let url = self.url(path, &[])?;
        let once = move || self.once(method.clone(), &url, Some(body));
        let mut waited = false;
        loop {
            let reply = once().map_err(|lost| {
                let ambiguous = !lost.never_sent;
                self.unavailable(&lost.message, ambiguous)
            })?;
            match self.judge(&reply, false) {
                // Refused before it was done: asking again does it once.
                Err(ForgeError::RateLimited { after: Some(after), .. })
                    if !waited && after <= self.limits.wait =>
                {
                    waited = true;
                    std::thread::sleep(after);
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(reply),
            }
        }
    }

    /// An error of this forge about an answer that is not of its interface.
    pub(super) fn strange(&self, message: impl AsRef<str>) -> ForgeError {
        let message = self.line(message.as_ref());
        ForgeError::Strange { forge: self.forge.to_owned(), message }
    }

    /// What a forge says, as one line that may be shown: without the token,
    /// without what a terminal obeys, and not too long.
    pub(super) fn line(&self, text: &str) -> String {
        self.secrets.line(text).chars().take(MOST_WORDS).collect()
    }

    fn unavailable(&self, message: &str, ambiguous: bool) -> ForgeError {
        let message = self.line(message);
        ForgeError::Unavailable { forge: self.forge.to_owned(), message, ambiguous }
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, ForgeError> {
        let bad = || ForgeError::Config(format!("`{path}` is no path on {}", self.forge));
        let mut url = self.base.join(path).map_err(|_| bad())?;
        if url.origin() != self.base.origin() {
            return Err(bad());
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// A read, tried again where that may help.
    fn read(&self, url: &Url) -> Result<Reply, ForgeError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.follow(url.clone()) {
                Ok(reply) => match self.judge(&reply, true) {
                    Ok(()) => return Ok(reply),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let pause = match &error {
                ForgeError::RateLimited { after, .. } => after.unwrap_or(self.limits.pause),
                ForgeError::Unavailable { .. } => self.limits.pause * attempt,
                _ => return Err(error),
            };
            if attempt >= self.limits.tries || pause > self.limits.wait {
                return Err(error);
            }
            std::thread::sleep(pause);
        }
    }

    fn follow(&self, mut url: Url) -> Result<Reply, ForgeError> {
        for _ in 0..MOST_REDIRECTS {
            let reply = self
                .once(Method::GET, &url, None)
                .map_err(|lost| self.unavailable(&lost.message, false))?;
            if !reply.status.is_redirection() {
                return Ok(reply);
            }
            let to = reply.headers.get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            url = match to {
                Some(to) if to.origin() == self.base.origin() => to,
                Some(to) => {
                    let host = to.host_str().unwrap_or_default();
                    return Err(self.strange(format!("it sends us to another host, {host}")));
                }
                None => return Err(self.strange("it redirects to nowhere")),
            };
        }
        Err(self.strange("it redirects in a circle"))
    }

    /// One request and its whole answer.
    fn once(&self, method: Method, url: &Url, body: Option<&Value>) -> Result<Reply, Lost> {
        let mut request = reqwest::Request::new(method, url.clone());
        *request.headers_mut() = self.headers.clone();
        if let Some(body) = body.filter(|body| !body.is_null()) {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(CONTENT_TYPE, json);
            *request.body_mut() = Some(body.to_string().into());
        }
        self.runtime.block_on(whole(&*self.wire, request, self.limits))
    }

    /// What a status means.
    fn judge(&self, reply: &Reply, reading: bool) -> Result<(), ForgeError> {
        verdict(self.forge, reply, reading, &self.words(reply))
    }

    /// What a forge says of an error, in one line.
    fn words(&self, reply: &Reply) -> String {
        let said = serde_json::from_slice::<Value>(&reply.body);
        let line = self.line(&said.as_ref().map(spoken).unwrap_or_default());
        if line.is_empty() { reply.status.to_string() } else { line }
    }

    fn parse<T: DeserializeOwned>(&self, reply: &Reply, reading: bool) -> Result<T, ForgeError> {
        let kind = reply.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if kind.contains("html") {
            return Err(self.unread("a page for people, as where nobody is signed in", reading));
        }
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.unread(&format!("no JSON of its interface ({error})"), reading))
    }

    /// An answer that cannot be read. After a write it is not known what was
    /// done.
    fn unread(&self, what: &str, reading: bool) -> ForgeError {
        if reading { self.strange(what) } else { self.unavailable(what, true) }
    }

    /// The next page, on the same origin.
    fn next_page(&self, headers: &HeaderMap) -> Result<Option<Url>, ForgeError> {
        let links = headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
        let next = links.flat_map(|links| links.split(',')).find_map(|link| {
            let (address, relation) = link.split_once(';')?;
            let is_next =
                relation.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
            let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
            is_next.then(|| address.to_owned())
        });
        next.map(|next| self.own(&next)).transpose()
    }

    /// The address of a next page, which has to be on the same origin.
    fn own(&self, next: &str) -> Result<Url, ForgeError> {
        match self.base.join(next) {
            Ok(url) if url.origin() == self.base.origin() => Ok(url),
            Ok(url) => {
                let host = url.host_str().unwrap_or_default();
                Err(self.strange(format!("its next page is on another host, {host}")))
            }
            Err(_) => Err(self.strange("its next page has no address")),
        }
    }
}

async fn whole(wire: &dyn Wire, request: reqwest::Request, limits: Limits) -> Result<Reply, Lost> {
    let lost = |error: &(dyn Error + 'static)| lost(error, limits);
    // Boxed, as that of the wire.
    let late = |error: reqwest::Error| lost(&error);
    let mut response = wire.send(request).await.map_err(|error| lost(&*error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(late)? {
        if body.len() + chunk.len() > limits.body {
            let message = format!("an answer of more than {} bytes", limits.body);
            return Err(Lost { message, never_sent: false });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, headers, body })
}
