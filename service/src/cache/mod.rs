//! The response cache: serialised bytes under keys that carry a generation.
//!
//! A write bumps the generation of what it changed *after* its commit and *before* it is acknowledged. Readers take the
//! generation before they look anything up, so that a value loaded before a write can never be found after it.

mod generations;
pub mod keys;
mod page;
mod read_through;

pub use generations::Scope;
#[cfg(feature = "br")]
pub use page::brotli;
pub use page::{COMPRESS_ABOVE_BYTES, Page, gzip};
pub use read_through::{Cache, Outcome};
