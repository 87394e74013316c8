//! Who is asking: passwords, tokens, sessions, and the extractors that routes use.

pub mod caller;
pub mod passwords;
pub mod refresh;
pub mod revocations;
pub mod secret;
pub mod tokens;
mod verified;

pub use caller::{Admin, Caller, User};
