//! What users are told. Everybody sees their own only.

pub mod list;
pub mod read;
