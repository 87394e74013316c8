//! Who makes a request, as the middleware found out, and the extractors by which routes ask for it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::tokens::Identity;
use crate::app::App;
use crate::clock;
use crate::error::Error;

/// Where a request comes from and whom it speaks for. The middleware puts one into every request.
#[derive(Clone)]
pub struct Caller {
    /// The client's address, behind trusted proxies.
    pub address: IpAddr,
    /// The identity of the access token or API key, or why there is none.
    pub identity: Result<Identity, Error>,
    /// Whether the identity is that of an API key.
    pub by_key: bool,
}

const NO_TOKEN: Error = Error::Unauthenticated(
    "this needs an access token: send Authorization: Bearer TOKEN, from /api/v1/auth/login",
);
const NO_KEYS: Error =
    Error::Forbidden("an API key is not enough here; log in and use the access token of the session");
const ENDED: Error = Error::Unauthenticated("the session was ended; log in again");

/// Whom the request's access token speaks for. Counts the user as active.
///
/// # Errors
/// [`Error::Unauthenticated`] without a live token of a live session.
pub fn identify(app: &App, headers: &HeaderMap) -> Result<Identity, Error> {
    let value = headers.get(header::AUTHORIZATION).ok_or(NO_TOKEN)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7).ok_or(NO_TOKEN)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(NO_TOKEN);
    }
    let token = std::str::from_utf8(token).map_err(|_| NO_TOKEN)?.trim();
    let now_s = clock::now_s();
    let checked = app.tokens.verify(token, now_s)?;
    if app.revocations.contains(checked.identity.session_id) {
        return Err(ENDED);
    }
    app.activity.note(&checked.last_noted, checked.identity.user_id, now_s);
    Ok(checked.identity)
}

/// Extracts the caller; refuses a request without a valid access token or API key.
pub struct User(pub Identity);

impl FromRequestParts<Arc<App>> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Error> {
        match parts.extensions.get::<Caller>() {
            Some(caller) => Ok(Self(caller.identity.clone()?)),
            None => Err(NO_TOKEN),
        }
    }
}

/// Extracts the caller; refuses a request without a valid access token, and an API key: what a key must not do, so that
/// a leaked one can be taken back by its owner.
pub struct Session(pub Identity);

impl FromRequestParts<Arc<App>> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Caller>().ok_or(NO_TOKEN)?;
        let identity = caller.identity.clone()?;
        if caller.by_key { Err(NO_KEYS) } else { Ok(Self(identity)) }
    }
}

/// Extracts the caller; refuses everybody but an admin at an allowed address.
pub struct Admin(pub Identity);

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let caller = parts.extensions.get::<Caller>().ok_or(NO_TOKEN)?;
        let identity = caller.identity.clone()?;
        if caller.by_key {
            return Err(NO_KEYS);
        }
        if identity.role != crate::store::users::Role::Admin {
            return Err(Error::Forbidden("this needs the role admin"));
        }
        if !app.config.admin.allow.iter().any(|network| network.contains(caller.address)) {
            return Err(Error::Forbidden("admin requests are not accepted from this address"));
        }
        Ok(Self(identity))
    }
}
