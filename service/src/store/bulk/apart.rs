//! A batch divided among the databases that its rows belong to.

use uuid::Uuid;

use super::Batch;
use crate::store::shards::Sharding;
use crate::store::{Db, Result, Store};

/// What of the batch belongs to which database: the products to `catalog`, everything else to its user's shard.
pub fn divide<'a>(catalog: &'a Db, sharding: &'a Sharding, batch: &Batch) -> Vec<(&'a Db, Batch)> {
    let shards = sharding.databases();
    let mut parts: Vec<Batch> = shards.iter().map(|_| Batch::default()).collect();
    let part = |user: Uuid| sharding.number_of(user).min(shards.len() - 1);
    for user in &batch.users {
        parts[part(user.id)].users.push(user.clone());
    }
    for (user, task) in &batch.tasks {
        parts[part(*user)].tasks.push((*user, task.clone()));
    }
    for favorite in &batch.favorites {
        parts[part(favorite.0)].favorites.push(*favorite);
    }
    for session in &batch.sessions {
        parts[part(session.user_id)].sessions.push(session.clone());
    }
    let products = Batch { products: batch.products.clone(), ..Batch::default() };
    std::iter::once((catalog, products)).chain(shards.iter().zip(parts)).collect()
}

/// Writes down whose the addresses of the batch are.
///
/// # Errors
/// [`crate::store::StoreError::Taken`] when one has an account already.
pub async fn list_emails(store: &Store, batch: &Batch) -> Result<()> {
    const SQL: &str = "INSERT INTO email_directory (email, user_id, confirmed, reserved_at_us) \
                       SELECT email, id, TRUE, at FROM unnest($1::text[], $2::uuid[], $3::bigint[]) AS u (email, id, at)";
    let Db::Postgres(directory) = &store.db else { return Ok(()) };
    let emails: Vec<&str> = batch.users.iter().map(|user| user.email.as_str()).collect();
    let ids: Vec<Uuid> = batch.users.iter().map(|user| user.id).collect();
    let times: Vec<i64> = batch.users.iter().map(|user| user.created_at.0).collect();
    sqlx::query(SQL).bind(emails).bind(ids).bind(times).execute(&directory.primary_pool()?).await?;
    Ok(())
}
