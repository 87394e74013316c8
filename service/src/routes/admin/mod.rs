//! For admins, at allowed addresses.

pub mod analytics;
