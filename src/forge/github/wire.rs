//! Octocrab under our client: it carries each request, on the connection that
//! has the deadlines, proxies and redirect rules of every forge.
//!
//! None of its layers are used. The one that adds the token would panic at a
//! line break in it; the one for addresses puts the path of REST before that of
//! GraphQL; the one for headers adds its own name beside ours. Nor does it read
//! answers: it has no limit to what it reads, and its errors hold all of it.

use octocrab::service::middleware::reqwest_connector::ReqwestConnector;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use reqwest::Client;

use crate::forge::http::{BoxError, Sent, Wire};

struct Crab(Octocrab);

/// Octocrab on a client of ours. It tries nothing again and follows nothing.
pub(super) fn on(client: Client) -> Box<dyn Wire> {
    let builder = OctocrabBuilder::new_empty().with_service(ReqwestConnector::new(client));
    let Ok(crab) = builder.with_auth(AuthState::None).build();
    Box::new(Crab(crab))
}

impl Wire for Crab {
    fn send(&self, request: reqwest::Request) -> Sent {
        let crab = self.0.clone();
        Box::pin(async move {
            let answer = crab.send(carried(&request)?).await?;
            Ok(answer.map(reqwest::Body::wrap).into())
        })
    }
}

fn carried(request: &reqwest::Request) -> Result<http::Request<OctoBody>, BoxError> {
    let bytes = request.body().and_then(reqwest::Body::as_bytes).map(<[u8]>::to_vec);
    let mut carried = http::Request::new(bytes.map_or_else(OctoBody::empty, OctoBody::from));
    *carried.method_mut() = request.method().clone();
    *carried.uri_mut() = request.url().as_str().parse()?;
    *carried.headers_mut() = request.headers().clone();
    Ok(carried)
}
