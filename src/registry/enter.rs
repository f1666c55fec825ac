//! How a registry lets us in: first nothing is said of who asks; then a token
//! for anybody is fetched, where that is enough to read; then the credentials of
//! this machine are looked for.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode, Url};

use super::challenge::{self, Challenge};
use super::session::{Ask, MOST_ERROR, Session};
use super::{Credential, RegistryError};

/// How far we came in being let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Step {
    /// Nothing is said of who asks.
    #[default]
    Bare,
    /// With a token that anybody gets.
    Anybody,
    /// With the credentials of this machine.
    Known,
}

#[derive(Default)]
pub(super) struct State {
    step: Step,
    header: Option<HeaderValue>,
    /// When the token ends.
    until: Option<Instant>,
    /// Counts what was tried, so that two who are refused try the next thing
    /// once.
    turn: u32,
    challenge: Option<Challenge>,
}

impl Session {
    /// What lets us in, fetched anew where it ends.
    pub(super) async fn access(&self) -> Result<(Option<HeaderValue>, u32, Step), RegistryError> {
        let mut state = self.state.lock().await;
        let ended = state.until.is_some_and(|until| until <= Instant::now());
        if ended && let Some(challenge) = state.challenge.clone() {
            let known = state.step == Step::Known;
            let credential = if known { self.wire.keys.find(&self.name)? } else { None };
            self.enter(&mut state, &challenge, credential.as_ref()).await?;
        }
        Ok((state.header.clone(), state.turn, state.step))
    }

    /// Tries the next thing; `false` where there is none.
    pub(super) async fn let_in(
        &self,
        response: &Response,
        turn: u32,
    ) -> Result<bool, RegistryError> {
        let mut state = self.state.lock().await;
        if state.turn != turn {
            return Ok(true);
        }
        let told = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let told: Vec<&str> = told.filter_map(|value| value.to_str().ok()).collect();
        let challenge = challenge::read(&told.join(", ")).or_else(|| state.challenge.clone());
        let Some(challenge) = challenge else { return Ok(false) };
        if state.step == Step::Known {
            return Ok(false);
        }
        let bearer = matches!(challenge, Challenge::Bearer { .. });
        if state.step == Step::Bare && bearer && !self.write {
            match self.enter(&mut state, &challenge, None).await {
                Ok(()) => return Ok(true),
                Err(RegistryError::Unauthorized { .. } | RegistryError::Forbidden { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        match self.wire.keys.find(&self.name)? {
            Some(credential) => self.enter(&mut state, &challenge, Some(&credential)).await?,
            None if bearer && self.write && state.step == Step::Bare => {
                self.enter(&mut state, &challenge, None).await?;
            }
            None if response.status() == StatusCode::FORBIDDEN => return Ok(false),
            None => return Err(self.unknown()),
        }
        Ok(true)
    }

    fn unknown(&self) -> RegistryError {
        let message = "there are no credentials for it on this machine".to_owned();
        RegistryError::Unauthorized { registry: self.name.host.clone(), message }
    }

    async fn enter(
        &self,
        state: &mut State,
        challenge: &Challenge,
        credential: Option<&Credential>,
    ) -> Result<(), RegistryError> {
        if let Some(Credential::Password { password, .. } | Credential::Identity(password)) =
            credential
        {
            self.wire.hide(password);
        }
        let (header, until) = match (challenge, credential) {
            (Challenge::Basic, Some(Credential::Password { user, password })) => {
                (self.basic(user, password)?, None)
            }
            (Challenge::Basic, _) => return Err(self.unknown()),
            (Challenge::Bearer { realm, service }, credential) => {
                let service = (realm.as_str(), service.as_deref());
                match self.token(service, credential).await {
                    // Whoever may write here need not read there: then blobs are
                    // sent.
                    Err(RegistryError::Unauthorized { .. } | RegistryError::Forbidden { .. })
                        if self.neighbour().is_some() =>
                    {
                        self.alone.store(true, Ordering::Relaxed);
                        self.token(service, credential).await?
                    }
                    token => token?,
                }
            }
        };
        state.header = Some(header);
        state.until = until;
        state.step = if credential.is_some() { Step::Known } else { Step::Anybody };
        state.challenge = Some(challenge.clone());
        state.turn += 1;
        Ok(())
    }

    fn basic(&self, user: &str, password: &str) -> Result<HeaderValue, RegistryError> {
        let text = STANDARD.encode(format!("{user}:{password}"));
        self.wire.hide(&text);
        self.secret(&format!("Basic {text}"))
    }

    fn secret(&self, text: &str) -> Result<HeaderValue, RegistryError> {
        let mut value = HeaderValue::from_str(text)
            .map_err(|_| self.strange("what shall let us in holds characters that none can"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A token from the service that the registry names.
    async fn token(
        &self,
        (realm, service): (&str, Option<&str>),
        credential: Option<&Credential>,
    ) -> Result<(HeaderValue, Option<Instant>), RegistryError> {
        let realms = &self.wire.realms;
        let url = challenge::realm(&self.name, realm, credential.is_some(), realms)?;
        let mut pairs: Vec<(&str, String)> =
            service.iter().map(|service| ("service", (*service).to_owned())).collect();
        pairs.extend(self.scopes().into_iter().map(|scope| ("scope", scope)));
        let ask = self.token_ask(url, pairs, credential)?;
        let asked = Instant::now();
        let response = self.execute(ask.request(ask.url.clone(), None)).await?;
        if response.status().is_redirection() {
            return Err(self.strange("its token service sends us elsewhere"));
        }
        let response = self.verdict(response, "its token service").await?;
        let body = self.body(response, MOST_ERROR).await?;
        let answer: Given = serde_json::from_slice(&body)
            .map_err(|_| self.strange("its token service answers no JSON"))?;
        let token = answer.plain.or(answer.oauth).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| self.strange("its token service gives no token"))?;
        self.wire.hide(&token);
        // Sixty seconds, by the specification, where it does not say.
        let seconds = answer.expires_in.unwrap_or(60).clamp(10, 24 * 3_600);
        let until = asked + Duration::from_secs(seconds - seconds / 6);
        Ok((self.secret(&format!("Bearer {token}"))?, Some(until)))
    }

    /// The request for a token: a password in a header, and a long-lived token in
    /// a body, so that neither stands in an address.
    fn token_ask(
        &self,
        mut url: Url,
        mut pairs: Vec<(&str, String)>,
        credential: Option<&Credential>,
    ) -> Result<Ask, RegistryError> {
        if let Some(Credential::Identity(token)) = credential {
            let scopes: Vec<String> =
                pairs.extract_if(.., |(key, _)| *key == "scope").map(|(_, scope)| scope).collect();
            pairs.push(("scope", scopes.join(" ")));
            pairs.push(("grant_type", "refresh_token".to_owned()));
            pairs.push(("client_id", "git-promote".to_owned()));
            pairs.push(("refresh_token", token.clone()));
            let mut form = url.clone();
            form.set_query(None);
            form.query_pairs_mut().extend_pairs(&pairs);
            let body = form.query().unwrap_or_default().as_bytes().to_vec();
            let ask = Ask { body, ..Ask::new(Method::POST, url) };
            return Ok(ask.with(CONTENT_TYPE, "application/x-www-form-urlencoded"));
        }
        url.query_pairs_mut().extend_pairs(&pairs);
        let mut ask = Ask::new(Method::GET, url);
        if let Some(Credential::Password { user, password }) = credential {
            ask.headers.insert(AUTHORIZATION, self.basic(user, password)?);
        }
        Ok(ask)
    }

    fn scopes(&self) -> Vec<String> {
        let actions = if self.write { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.name.path);
        let also = self.neighbour().into_iter().map(|path| format!("repository:{path}:pull"));
        std::iter::once(own).chain(also).collect()
    }
}

#[derive(serde::Deserialize)]
struct Given {
    #[serde(rename = "token")]
    plain: Option<String>,
    #[serde(rename = "access_token")]
    oauth: Option<String>,
    expires_in: Option<u64>,
}
