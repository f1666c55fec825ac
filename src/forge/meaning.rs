//! What an answer means, or that none came: the same on every forge.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::ForgeError;
use super::http::{Limits, Reply};
use crate::net::{chain, deepest};

/// A request that got no whole answer.
pub(super) struct Lost {
    pub(super) message: String,
    /// Whether the forge cannot have seen it.
    pub(super) never_sent: bool,
}

/// What happened, without the address: its query may hold what is nobody's
/// business.
pub(super) fn lost(error: &(dyn Error + 'static), limits: Limits) -> Lost {
    let is = |what: fn(&reqwest::Error) -> bool| {
        chain(error).filter_map(|error| error.downcast_ref::<reqwest::Error>()).any(what)
    };
    let never_sent = is(reqwest::Error::is_connect) || is(reqwest::Error::is_builder);
    let message = if is(reqwest::Error::is_timeout) {
        format!("nothing came within {} s", limits.request.as_secs_f32())
    } else {
        let deepest = deepest(error).map(ToString::to_string).unwrap_or_default();
        let what = if never_sent { "no connection" } else { "the answer broke off" };
        format!("{what}: {deepest}")
    };
    Lost { message, never_sent }
}

/// What a status means, the same on every forge; `words` are what it says.
pub(super) fn verdict(
    forge: &str,
    reply: &Reply,
    reading: bool,
    words: &str,
) -> Result<(), ForgeError> {
    let status = reply.status;
    let (forge, message) = (forge.to_owned(), words.to_owned());
    // Azure DevOps answers 203 with its sign-in page where a token is wrong.
    if status == StatusCode::NON_AUTHORITATIVE_INFORMATION {
        let message = "it shows its sign-in page".to_owned();
        return Err(ForgeError::Unauthorized { forge, message });
    }
    if status.is_success() {
        return Ok(());
    }
    let after = retry_after(&reply.headers);
    let is_limit = after.is_some() || words.contains("rate limit");
    Err(match status {
        StatusCode::UNAUTHORIZED => ForgeError::Unauthorized { forge, message },
        StatusCode::TOO_MANY_REQUESTS => ForgeError::RateLimited { forge, after },
        StatusCode::FORBIDDEN if is_limit => ForgeError::RateLimited { forge, after },
        StatusCode::FORBIDDEN => ForgeError::Forbidden { forge, message },
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            ForgeError::NotFound { forge, what: "that".to_owned(), message }
        }
        StatusCode::CONFLICT => ForgeError::Conflict { forge, message },
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            // A write that ended so may have been done.
            ForgeError::Unavailable { forge, message, ambiguous: !reading }
        }
        status if status.is_redirection() => {
            let message = format!("it answers {status} to a change: was the repository moved?");
            ForgeError::Strange { forge, message }
        }
        _ => ForgeError::Refused { forge, message },
    })
}

/// For how long a forge asks to wait: `Retry-After` in seconds (a date is taken
/// for a minute), else until the time at which it counts anew.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(after) = text(RETRY_AFTER.as_str()) {
        return Some(after.parse().map_or(Duration::from_secs(60), Duration::from_secs));
    }
    text("x-ratelimit-remaining").filter(|left| *left == "0")?;
    let reset = text("x-ratelimit-reset")?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(Duration::from_secs(reset).saturating_sub(now).max(Duration::from_secs(1)))
}

/// The longest text of a forge that is shown.
pub(super) const MOST_WORDS: usize = 300;

/// The texts of an error document: `message`, `error`, and what is in `errors`.
pub(super) fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            list.iter().map(spoken).filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; ")
        }
        Value::Object(map) => {
            const KEYS: [&str; 7] =
                ["message", "error", "error_description", "errors", "fields", "detail", "title"];
            if let (Some(Value::String(field)), Some(Value::String(code))) =
                (map.get("field"), map.get("code").filter(|_| !map.contains_key("message")))
            {
                return format!("`{field}` is {code}");
            }
            let known = KEYS.iter().filter_map(|key| map.get(*key));
            let mut texts: Vec<String> =
                known.map(spoken).filter(|text| !text.is_empty()).collect();
            if texts.is_empty() {
                // `{"base": ["is closed"]}`: the field and what is wrong with it.
                let named = map.iter().map(|(key, value)| (key, spoken(value)));
                let named = named.filter(|(_, text)| !text.is_empty());
                texts.extend(named.map(|(key, text)| format!("{key} {text}")));
            }
            texts.dedup();
            texts.join(": ")
        }
        _ => String::new(),
    }
}
