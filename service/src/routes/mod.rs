//! The routes: one folder per resource, one file per verb, each from request over handler to response.

pub mod admin;
pub mod auth;
mod created;
pub mod events;
pub mod favorites;
pub mod files;
pub mod jobs;
pub mod notifications;
pub mod ops;
pub mod products;
pub mod recommendations;
pub mod tasks;
pub mod users;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer};

/// Items of a list when the client does not say.
pub const DEFAULT_LIMIT: u32 = 20;

/// Cuts a list that was fetched with one item more than asked for; whether there was one more.
pub fn cut<T>(items: &mut Vec<T>, limit: u32) -> bool {
    let limit = limit as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    more
}

/// For `Option<Option<T>>`: a field that is there, be it null, is `Some`.
pub fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
