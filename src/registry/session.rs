//! One repository of one registry, spoken to: how we are let in, what is tried
//! again, and where a request may go.
//!
//! First nothing is said of who asks; then a token for anybody is fetched where
//! that is enough to read; then the credentials of this machine are looked for.
//! What lets us in goes to the registry's own origin alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};

use super::challenge;
use super::enter::{State, Step};
use super::{Keys, Limits, RegistryError, RepositoryName};
use crate::net::{self, AGENT, Secrets, chain, deepest};

/// Redirects of one read that are followed.
const MOST_REDIRECTS: usize = 5;
/// How often we try to be let in for one request.
const MOST_TURNS: usize = 5;
/// The longest text of a registry that is shown.
const MOST_WORDS: usize = 300;
/// What is read of an answer that only says what is wrong.
pub(super) const MOST_ERROR: usize = 64 << 10;

/// What every session shares.
pub(super) struct Wire {
    /// With the proxies of the system.
    pub(super) client: Client,
    /// Without any.
    pub(super) direct: Client,
    pub(super) keys: Keys,
    /// Hosts that the user names, to which credentials may go for a token.
    pub(super) realms: Vec<String>,
    pub(super) limits: Limits,
    pub(super) secrets: Mutex<Secrets>,
}

impl Wire {
    /// What speaks to an address: where nothing is encrypted, a proxy would see
    /// all that lets us in.
    fn client(&self, url: &Url) -> &Client {
        let direct = url.scheme() == "http" || net::is_local(url);
        if direct { &self.direct } else { &self.client }
    }

    /// A foreign text as one line that may be shown.
    pub(super) fn line(&self, text: &str) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.line(text).chars().take(MOST_WORDS).collect()
    }

    pub(super) fn hide(&self, text: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).add(text);
    }
}

/// A request that can be sent more than once.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Ask {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    pub(super) fn request(&self, url: Url, access: Option<&HeaderValue>) -> Request {
        let mut request = Request::new(self.method.clone(), url);
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(access) = access {
            request.headers_mut().insert(AUTHORIZATION, access.clone());
        }
        if !self.body.is_empty() {
            *request.body_mut() = Some(self.body.clone().into());
        }
        request
    }
}

/// A repository that is spoken to, to read or to write as well.
pub(super) struct Session {
    pub(super) wire: Arc<Wire>,
    pub(super) name: RepositoryName,
    base: Url,
    pub(super) write: bool,
    /// A repository of the same registry that blobs are taken from.
    also: Option<String>,
    /// Whether we may not read there.
    pub(super) alone: AtomicBool,
    pub(super) state: tokio::sync::Mutex<State>,
}

impl Session {
    /// A session that only reads.
    pub(super) fn reader(wire: &Arc<Wire>, name: &RepositoryName) -> Result<Self, RegistryError> {
        Self::new(wire, name, (false, None))
    }

    /// A session that writes; where `from` is on the same registry, blobs are
    /// taken from there.
    pub(super) fn writer(
        wire: &Arc<Wire>,
        name: &RepositoryName,
        from: &RepositoryName,
    ) -> Result<Self, RegistryError> {
        let also = (from.host == name.host && from.path != name.path).then(|| from.path.clone());
        Self::new(wire, name, (true, also))
    }

    fn new(
        wire: &Arc<Wire>,
        name: &RepositoryName,
        (write, also): (bool, Option<String>),
    ) -> Result<Self, RegistryError> {
        let (wire, name, base) = (Arc::clone(wire), name.clone(), name.base()?);
        let alone = AtomicBool::new(false);
        Ok(Self { wire, name, base, write, also, alone, state: tokio::sync::Mutex::default() })
    }

    /// An address below the repository: `manifests/v1`.
    pub(super) fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        let joined = self.base.join(&format!("{}/{rest}", self.name.path));
        joined.map_err(|_| RegistryError::Config(format!("`{rest}` is no path")))
    }

    /// The repository that blobs can be taken from without being sent.
    pub(super) fn neighbour(&self) -> Option<&str> {
        self.also.as_deref().filter(|_| !self.alone.load(Ordering::Relaxed))
    }

    /// Sends what can be sent again; tried again where that may help. An answer
    /// that refuses is given as it is.
    pub(super) async fn send(&self, ask: &Ask) -> Result<Response, RegistryError> {
        let limits = self.wire.limits;
        let mut tried = 0;
        loop {
            tried += 1;
            let error = match self.once(ask).await {
                Ok(response) if !passes(response.status()) => return Ok(response),
                Ok(response) if tried >= limits.tries => return Ok(response),
                Ok(response) => self.verdict(response, "that").await.err(),
                Err(error) if error.may_pass() && tried < limits.tries => Some(error),
                Err(error) => return Err(error),
            };
            let after = match error {
                Some(RegistryError::RateLimited { after: Some(after), registry }) => {
                    if after > limits.wait {
                        return Err(RegistryError::RateLimited { after: Some(after), registry });
                    }
                    after
                }
                _ => limits.pause * tried,
            };
            tokio::time::sleep(after).await;
        }
    }

    /// The same; an answer that refuses is an error.
    pub(super) async fn expect(&self, ask: &Ask, what: &str) -> Result<Response, RegistryError> {
        let response = self.send(ask).await?;
        self.verdict(response, what).await
    }

    /// Sends once, and gets let in.
    async fn once(&self, ask: &Ask) -> Result<Response, RegistryError> {
        let mut turns = 0;
        loop {
            turns += 1;
            let (access, turn, step) = self.access().await?;
            let response = self.follow(ask, access.as_ref()).await?;
            let denied = match response.status() {
                StatusCode::UNAUTHORIZED => true,
                // A token for anybody may be given and yet not be enough.
                StatusCode::FORBIDDEN => step == Step::Anybody,
                _ => false,
            };
            if !denied || turns >= MOST_TURNS || !self.let_in(&response, turn).await? {
                return Ok(response);
            }
        }
    }

    /// Sends once what cannot be sent again, such as a blob on its way.
    pub(super) async fn pour(
        &self,
        ask: &Ask,
        body: reqwest::Body,
    ) -> Result<Response, RegistryError> {
        let (access, ..) = self.access().await?;
        let access = access.filter(|_| ask.url.origin() == self.base.origin());
        let mut request = ask.request(ask.url.clone(), access.as_ref());
        *request.body_mut() = Some(body);
        self.wire.client(request.url()).execute(request).await.map_err(|error| self.lost(&error))
    }

    /// Follows redirects of a read; what lets us in goes to our own origin only.
    async fn follow(
        &self,
        ask: &Ask,
        access: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut url = ask.url.clone();
        for _ in 0..MOST_REDIRECTS {
            let own = url.origin() == self.base.origin();
            let request = ask.request(url.clone(), access.filter(|_| own));
            let response = self.execute(request).await?;
            let reads = matches!(ask.method, Method::GET | Method::HEAD);
            if !(response.status().is_redirection() && reads) {
                return Ok(response);
            }
            url = self.location(&response, &url)?;
        }
        Err(self.strange("it redirects without end"))
    }

    pub(super) async fn execute(&self, request: Request) -> Result<Response, RegistryError> {
        let limit = self.wire.limits.request;
        match tokio::time::timeout(limit, self.wire.client(request.url()).execute(request)).await {
            Ok(response) => response.map_err(|error| self.lost(&error)),
            Err(_) => Err(self.late(limit)),
        }
    }

    /// Where an answer sends us, if that may be followed.
    pub(super) fn location(&self, response: &Response, from: &Url) -> Result<Url, RegistryError> {
        let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let Some(to) = to.and_then(|to| from.join(to).ok()) else {
            return Err(self.strange("it names no address to go on at"));
        };
        challenge::may_follow(&self.name, &to).map_err(|why| {
            self.strange(&format!("it sends us to {}, which {why}", challenge::authority(&to)))
        })?;
        Ok(to)
    }

    /// A whole answer of at most so many bytes.
    pub(super) async fn body(
        &self,
        mut response: Response,
        most: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk(&mut response).await? {
            if body.len() + chunk.len() > most {
                return Err(self.strange(&format!("an answer of more than {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The next piece of an answer.
    pub(super) async fn chunk(
        &self,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, RegistryError> {
        let limit = self.wire.limits.request;
        match tokio::time::timeout(limit, response.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| self.lost(&error)),
            Err(_) => Err(self.late(limit)),
        }
    }

    /// What a status means; an answer that is none is given back.
    pub(super) async fn verdict(
        &self,
        response: Response,
        what: &str,
    ) -> Result<Response, RegistryError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = retry_after(response.headers());
        let message = self.words(response).await;
        let registry = self.name.host.clone();
        Err(match status {
            StatusCode::UNAUTHORIZED => RegistryError::Unauthorized { registry, message },
            StatusCode::FORBIDDEN => RegistryError::Forbidden { registry, message },
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                RegistryError::NotFound { what: what.to_owned(), message }
            }
            StatusCode::TOO_MANY_REQUESTS => RegistryError::RateLimited { registry, after },
            status if passes(status) => RegistryError::Unavailable { registry, message },
            status if status.is_redirection() => {
                let message = format!("it answers {status} where it may not");
                RegistryError::Strange { registry, message }
            }
            _ => RegistryError::Refused { registry, message },
        })
    }

    /// What a registry says of an error, in one line.
    async fn words(&self, response: Response) -> String {
        let status = response.status();
        let body = self.body(response, MOST_ERROR).await.unwrap_or_default();
        let said: Errors = serde_json::from_slice(&body).unwrap_or_default();
        let own = said.details.into_iter().chain(said.message);
        let listed = said.listed.into_iter().map(|error| match (error.code, error.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (code, message) => code.or(message).unwrap_or_default(),
        });
        let words: Vec<String> = listed.chain(own).filter(|word| !word.is_empty()).collect();
        if words.is_empty() { status.to_string() } else { self.wire.line(&words.join("; ")) }
    }

    pub(super) fn strange(&self, message: &str) -> RegistryError {
        let (registry, message) = (self.name.host.clone(), self.wire.line(message));
        RegistryError::Strange { registry, message }
    }

    pub(super) fn wrong(&self, what: &str, why: &str) -> RegistryError {
        let (registry, why) = (self.name.host.clone(), self.wire.line(why));
        RegistryError::Wrong { registry, what: what.to_owned(), why }
    }

    pub(super) fn late(&self, limit: Duration) -> RegistryError {
        self.unavailable(&format!("nothing came within {} s", limit.as_secs_f32()))
    }

    pub(super) fn unavailable(&self, message: &str) -> RegistryError {
        let (registry, message) = (self.name.host.clone(), self.wire.line(message));
        RegistryError::Unavailable { registry, message }
    }

    /// What happened, without the address: its query may hold what is nobody's
    /// business.
    fn lost(&self, error: &reqwest::Error) -> RegistryError {
        let what = if error.is_connect() { "no connection" } else { "the connection broke off" };
        let deepest = deepest(error).map(ToString::to_string).unwrap_or_default();
        // A certificate that is not trusted does not get better by waiting.
        let trust = chain(error).any(|error| error.to_string().contains("certificate"));
        if trust {
            let (registry, message) = (self.name.host.clone(), self.wire.line(&deepest));
            return RegistryError::Untrusted { registry, message };
        }
        self.unavailable(&format!("{what}: {deepest}"))
    }
}

/// Whether the same may work in a moment.
fn passes(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// For how long we are asked to wait; a date is taken for a minute.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    Some(text.parse().map_or(Duration::from_secs(60), Duration::from_secs))
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Errors {
    #[serde(rename = "errors")]
    listed: Vec<OneError>,
    details: Option<String>,
    message: Option<String>,
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct OneError {
    code: Option<String>,
    message: Option<String>,
}
