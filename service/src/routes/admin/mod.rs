//! For admins, at allowed addresses.

pub mod analytics;
pub mod role;
pub mod users;
