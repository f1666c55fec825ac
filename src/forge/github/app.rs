//! GitHub Apps: the key of an app is changed into a token for one repository,
//! which lasts an hour.

use octocrab::EncodingKey;
use octocrab::models::AppId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{client, encoded};
use crate::forge::{ForgeError, Form, Limits, Place, Token};

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct Fresh {
    token: String,
}

/// A token of the app's installation on the repository, which may do there
/// what the app may, and nothing elsewhere.
pub(super) fn token(place: &Place, key: &Token, limits: Limits) -> Result<Token, ForgeError> {
    let Form::App { id, installation } = *key.form() else { return Ok(key.clone()) };
    let source = key.source();
    let bad = |_| ForgeError::Config(format!("{source} holds no private key of an app (RSA, PEM)"));
    let pem = EncodingKey::from_rsa_pem(key.secret().as_bytes()).map_err(bad)?;
    let jwt = octocrab::auth::create_jwt(AppId(id), &pem).map_err(bad)?;
    let own = Token::with(Form::Bearer, jwt, source);
    let http = client(place, &own, limits)?.hiding(key);
    let (owner, name) = super::names(place)?;
    let installation = match installation {
        Some(installation) => installation,
        None => {
            let path = format!("repos/{}/{}/installation", encoded(owner), encoded(name));
            let found: Installation = http
                .get(&path, &[])
                .map_err(|error| error.about(&format!("an installation of app {id} there")))?;
            found.id
        }
    };
    let path = format!("app/installations/{installation}/access_tokens");
    let only = json!({ "repositories": [name] });
    let fresh: Fresh = http
        .write(Method::POST, &path, &only)
        .map_err(|error| error.about(&format!("installation {installation} of app {id}")))?;
    Ok(Token::with(Form::Bearer, fresh.token, source))
}
