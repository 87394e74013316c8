//! The catalogue: everybody reads it, admins change it.

pub mod create;
pub mod delete;
mod fields;
pub mod get;
pub mod list;
pub mod list_v2;
pub mod update;

use crate::error::Error;

const GONE: Error = Error::NotFound("product");
