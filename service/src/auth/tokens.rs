//! Access tokens: JWT, HS256 and nothing else.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::verified::Verified;
use crate::clock;
use crate::config::AuthConfig;
use crate::error::Error;
use crate::store::users::Role;
use crate::telemetry::activity::LastNoted;

/// Who a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user_id: Uuid,
    /// The session the token was issued in.
    pub session_id: Uuid,
    /// What the user may do.
    pub role: Role,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    iat: i64,
    sub: Uuid,
    jti: Uuid,
    sid: Uuid,
    role: Role,
}

/// A token that was verified, and until when that holds.
pub struct Checked {
    /// Who it speaks for.
    pub identity: Identity,
    /// When it expires, in seconds since the epoch.
    pub expires_s: i64,
    /// When its user was last counted as active.
    pub last_noted: LastNoted,
}

/// Issues and verifies access tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    issuer: String,
    audience: String,
    verified: Verified,
}

/// What every refused token is told: which check failed is nobody's business.
const REFUSED: Error = Error::Unauthenticated("the access token is not valid");
/// Said aloud because a client can do something about it.
const EXPIRED: Error = Error::Unauthenticated("the access token has expired; refresh it");

impl Tokens {
    /// Tokens signed with `secret`.
    pub fn new(secret: &[u8], config: &AuthConfig) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[&config.issuer]);
        validation.set_audience(&[&config.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.leeway = 0;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            verified: Verified::default(),
        }
    }

    /// A token for `identity` that lives for `ttl_s` seconds from `now_s`.
    ///
    /// # Errors
    /// When signing fails, which is a fault of ours.
    pub fn issue(&self, identity: Identity, now_s: i64, ttl_s: u32) -> Result<String, Error> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            exp: now_s + i64::from(ttl_s),
            iat: now_s,
            sub: identity.user_id,
            jti: clock::new_id(),
            sid: identity.session_id,
            role: identity.role,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Error::internal)
    }

    /// Who the token speaks for. A token seen before costs one look-up instead of a signature check.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for anything but a live token of ours.
    pub fn verify(&self, token: &str, now_s: i64) -> Result<std::sync::Arc<Checked>, Error> {
        if let Some(checked) = self.verified.get(token) {
            return if checked.expires_s > now_s { Ok(checked) } else { Err(EXPIRED) };
        }
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|e| {
            match e.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => EXPIRED,
                _ => REFUSED,
            }
        })?;
        let claims = data.claims;
        let checked = std::sync::Arc::new(Checked {
            identity: Identity { user_id: claims.sub, session_id: claims.sid, role: claims.role },
            expires_s: claims.exp,
            last_noted: LastNoted::default(),
        });
        self.verified.put(token, &checked, now_s);
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn identity() -> Identity {
        Identity { user_id: Uuid::from_u128(1), session_id: Uuid::from_u128(2), role: Role::User }
    }

    fn tokens() -> Tokens {
        Tokens::new(SECRET, &AuthConfig::default())
    }

    #[test]
    fn a_token_speaks_for_the_identity_it_was_issued_to_the_second_time_too() {
        let (tokens, now) = (tokens(), clock::now_s());
        let token = tokens.issue(identity(), now, 900).unwrap();
        for _ in 0..2 {
            assert_eq!(tokens.verify(&token, now).unwrap().identity, identity());
        }
    }

    #[test]
    fn a_token_seen_before_is_refused_once_it_expired() {
        let (tokens, now) = (tokens(), clock::now_s());
        let token = tokens.issue(identity(), now, 60).unwrap();
        assert!(tokens.verify(&token, now).is_ok());
        assert!(tokens.verify(&token, now + 60).is_err());
    }

    #[test]
    fn an_expired_token_is_refused() {
        let tokens = tokens();
        let token = tokens.issue(identity(), clock::now_s() - 1000, 900).unwrap();
        assert!(tokens.verify(&token, clock::now_s()).is_err());
    }

    #[test]
    fn a_token_of_another_issuer_audience_or_secret_is_refused() {
        let now = clock::now_s();
        let foreign = |config: AuthConfig, secret: &[u8]| {
            Tokens::new(secret, &config).issue(identity(), now, 900).unwrap()
        };
        let config = AuthConfig::default;
        for token in [
            foreign(AuthConfig { issuer: "other".to_owned(), ..config() }, SECRET),
            foreign(AuthConfig { audience: "other".to_owned(), ..config() }, SECRET),
            foreign(config(), b"another secret of thirty-two bytes"),
        ] {
            assert!(tokens().verify(&token, now).is_err());
        }
    }

    #[test]
    fn an_unsigned_token_and_one_of_another_algorithm_are_refused() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
        let (tokens, now) = (tokens(), clock::now_s());
        let good = tokens.issue(identity(), now, 900).unwrap();
        let payload = good.split('.').nth(1).unwrap();
        let none = B64.encode(br#"{"alg":"none","typ":"JWT"}"#);
        assert!(tokens.verify(&format!("{none}.{payload}."), now).is_err());
        let claims: serde_json::Value = serde_json::from_slice(&B64.decode(payload).unwrap()).unwrap();
        let key = EncodingKey::from_secret(SECRET);
        let stronger = jsonwebtoken::encode(&Header::new(Algorithm::HS512), &claims, &key).unwrap();
        assert!(tokens.verify(&stronger, now).is_err(), "only the pinned algorithm is accepted");
        let pinned = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap();
        assert!(tokens.verify(&pinned, now).is_ok());
    }
}
