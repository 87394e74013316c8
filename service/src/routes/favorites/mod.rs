//! The products that a user marked.

pub mod delete;
pub mod list;
pub mod put;
