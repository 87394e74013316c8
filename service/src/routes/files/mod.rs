//! Files that were made for users. To know the name of one is to be allowed to read it.

pub mod get;
mod range;
