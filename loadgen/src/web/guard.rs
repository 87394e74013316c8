//! Who may see and who may steer. On this machine alone, whoever can open the page: no page of another site, though
//! (`Host` stops a name that was pointed here, `Origin` and the token a form or script from elsewhere). Beyond it,
//! whoever has the token that was printed when the run began.

use std::{fmt, net::SocketAddr};

use axum::http::{
    HeaderMap, StatusCode, Uri,
    header::{HOST, ORIGIN},
};
use rand::Rng as _;

/// The header that a request which steers carries its token in: no form can set it, and no script of another origin
/// without being asked for first.
pub const TOKEN_HEADER: &str = "x-loadgen-token";

/// What a request needs.
pub struct Guard {
    token: String,
    /// What `Host` may say; anything where the token is asked for in any case.
    hosts: Option<Vec<String>>,
}

/// The token is for those who were told.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Guard {
    /// For a page that listens at `address`.
    pub fn new(address: SocketAddr) -> Self {
        let mut bytes = [0; 16];
        #[expect(clippy::disallowed_methods, reason = "a secret of this run, which nothing may repeat")]
        rand::rng().fill_bytes(&mut bytes);
        let port = address.port();
        let own = || ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        Self {
            token: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            hosts: address
                .ip()
                .is_loopback()
                .then(|| own().into_iter().chain([address.to_string()]).collect()),
        }
    }

    /// The token, to be put into the page.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Lets a request see.
    ///
    /// # Errors
    /// The status and the sentence to refuse it with.
    pub fn may_see(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let Some(hosts) = &self.hosts else {
            return if self.is_token(token_of(uri).as_bytes()) {
                Ok(())
            } else {
                Err((
                    StatusCode::UNAUTHORIZED,
                    "open the page by the address that was printed when the run began",
                ))
            };
        };
        match headers.get(HOST).map(|host| host.as_bytes()) {
            Some(host) if hosts.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(host)) => Ok(()),
            _ => Err((StatusCode::FORBIDDEN, "this page is found at its own address only")),
        }
    }

    /// Lets a request steer.
    ///
    /// # Errors
    /// As [`Guard::may_see`].
    pub fn may_steer(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let host = headers.get(HOST).map(|host| host.as_bytes()).unwrap_or_default();
        if let Some(hosts) = &self.hosts
            && !hosts.iter().any(|it| it.as_bytes().eq_ignore_ascii_case(host))
        {
            return Err((StatusCode::FORBIDDEN, "this page is found at its own address only"));
        }
        let own = |origin: &[u8]| {
            origin.strip_prefix(b"http://").is_some_and(|from| from.eq_ignore_ascii_case(host))
        };
        if headers.get(ORIGIN).is_some_and(|origin| !own(origin.as_bytes())) {
            return Err((StatusCode::FORBIDDEN, "another site's page may not steer this run"));
        }
        if !headers.get(TOKEN_HEADER).is_some_and(|token| self.is_token(token.as_bytes())) {
            return Err((StatusCode::FORBIDDEN, "the token of this run is missing; load its page again"));
        }
        Ok(())
    }

    /// In a time that tells nothing of how much of it is right.
    fn is_token(&self, given: &[u8]) -> bool {
        given.len() == self.token.len()
            && given.iter().zip(self.token.bytes()).fold(0, |wrong, (a, b)| wrong | (a ^ b)) == 0
    }
}

fn token_of(uri: &Uri) -> &str {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    pairs.find_map(|pair| pair.strip_prefix("token=")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_page_of_this_machine_is_seen_by_its_own_names_only() {
        let guard = Guard::new("127.0.0.1:5670".parse().unwrap());
        let sees = |host: &str| guard.may_see(&Uri::from_static("/"), &headers(&[("host", host)])).is_ok();
        assert!(sees("127.0.0.1:5670") && sees("LOCALHOST:5670"));
        assert!(!sees("evil.example:5670") && !sees("127.0.0.1:80") && !sees("127.0.0.1.evil.example:5670"));
        assert!(guard.may_see(&Uri::from_static("/"), &HeaderMap::new()).is_err());
    }

    #[test]
    fn beyond_this_machine_the_token_opens_the_page_and_nothing_else_does() {
        let guard = Guard::new("0.0.0.0:5670".parse().unwrap());
        let sees = |query: &str| {
            guard
                .may_see(&format!("/{query}").parse().unwrap(), &headers(&[("host", "10.0.0.7:5670")]))
                .is_ok()
        };
        assert!(sees(&format!("?token={}", guard.token())) && sees(&format!("?a=b&token={}", guard.token())));
        assert!(!sees("") && !sees("?token=") && !sees(&format!("?token={}0", guard.token())));
        assert!(!format!("{guard:?}").contains(guard.token()));
    }

    #[test]
    fn steering_takes_the_token_from_a_page_of_the_same_origin() {
        let guard = Guard::new("127.0.0.1:5670".parse().unwrap());
        let token = guard.token().to_owned();
        let host = ("host", "127.0.0.1:5670");
        let steers = |pairs: &[(&'static str, &str)]| guard.may_steer(&headers(pairs)).is_ok();
        assert!(steers(&[host, (TOKEN_HEADER, &token), ("origin", "http://127.0.0.1:5670")]));
        assert!(steers(&[host, (TOKEN_HEADER, &token)]), "a script of the user's own sends no origin");
        assert!(!steers(&[host, ("origin", "http://127.0.0.1:5670")]));
        for origin in ["http://evil.example", "null", "https://127.0.0.1:5670", "http://127.0.0.1:56700"] {
            assert!(!steers(&[host, (TOKEN_HEADER, &token), ("origin", origin)]), "{origin}");
        }
        assert!(!steers(&[("host", "evil.example:5670"), (TOKEN_HEADER, &token)]));
        assert_ne!(Guard::new("127.0.0.1:5670".parse().unwrap()).token(), token);
    }
}
