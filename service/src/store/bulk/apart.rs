//! A batch divided among the databases that its rows belong to.

use uuid::Uuid;

use super::Batch;
use crate::store::shards::Sharding;

/// What of the batch belongs to which database, in the order of [`crate::store::Store::databases`]: without shards all of
/// it to the one there is; else the products and who has which address to the catalogue's, and everything else to its
/// user's shard.
pub fn divide(sharding: Option<&Sharding>, batch: Batch) -> Vec<Batch> {
    let Some(sharding) = sharding else { return vec![batch] };
    let count = sharding.databases().len();
    let mut parts: Vec<Batch> = (0..=count).map(|_| Batch::default()).collect();
    let part = |user: Uuid| 1 + sharding.number_of(user).min(count - 1);
    for user in batch.users {
        parts[0].addresses.push((user.email.clone(), user.id, user.created_at));
        parts[part(user.id)].users.push(user);
    }
    for (user, task) in batch.tasks {
        parts[part(user)].tasks.push((user, task));
    }
    for favorite in batch.favorites {
        parts[part(favorite.0)].favorites.push(favorite);
    }
    for session in batch.sessions {
        parts[part(session.user_id)].sessions.push(session);
    }
    parts[0].products = batch.products;
    parts
}
