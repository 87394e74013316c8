//! What users may like.

pub mod list;
