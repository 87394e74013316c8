//! Who is asking: passwords, tokens, sessions, and the extractors that routes use.

pub mod api_keys;
pub mod caller;
mod derived;
pub mod passwords;
pub mod refresh;
pub mod reset;
pub mod revocations;
pub mod secret;
pub mod tokens;
mod verified;

pub use caller::{Admin, Caller, Session, User};
