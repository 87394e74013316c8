//! The user's own account.

pub mod me;
pub mod preferences;
