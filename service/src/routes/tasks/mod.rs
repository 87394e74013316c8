//! Tasks. Everybody sees and changes their own only.

pub mod batch;
pub mod create;
pub mod delete;
pub mod export;
pub mod get;
pub mod list;
pub mod stats;
pub mod update;

use crate::error::Error;

const GONE: Error = Error::NotFound("task");
