//! What users did, as their clients tell.

pub mod create;
