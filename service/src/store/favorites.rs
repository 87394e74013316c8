//! Which products users marked as favourites.

use std::collections::HashMap;

use serde::Serialize;
use uuid::Uuid;

use super::named::{Arg, Named};
use super::products::{self, Product};
use super::shards::Sharding;
use super::{Op, Result, Store, StoreError, Timestamp, ro, ro_typed, rw};

/// A favourite: the product and when it was marked.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Favorite {
    /// When it was marked.
    #[sqlx(rename = "marked_at_us")]
    pub marked_at: Timestamp,
    /// What was marked.
    #[sqlx(flatten)]
    pub product: Product,
}

fn list_sql<DB>(user: Uuid, after: Option<(i64, Uuid)>, limit: i64) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(
        "SELECT f.created_at_us AS marked_at_us, p.id, p.title, p.description, p.category, \
         p.price_cents, p.stock, p.created_at_us, p.updated_at_us \
         FROM favorites f JOIN products p ON p.id = f.product_id WHERE f.user_id = ",
    );
    sql.push_bind(user);
    if let Some((marked, id)) = after {
        sql.push(" AND (f.created_at_us, f.product_id) < (")
            .push_bind(marked)
            .push(", ")
            .push_bind(id)
            .push(")");
    }
    sql.push(" ORDER BY f.created_at_us DESC, f.product_id DESC LIMIT ").push_bind(limit);
    sql
}

/// The favourites of `user` behind the position `after`, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    store: &Store,
    user: Uuid,
    after: Option<(i64, Uuid)>,
    limit: i64,
) -> Result<Vec<Favorite>> {
    store
        .timed(Op::FavoriteList, async {
            if store.is_sharded() {
                return Box::pin(apart(store, user, after, limit)).await;
            }
            Ok(ro_typed!(store.of(user).with_catalog(), p, Kind => {
                list_sql::<Kind>(user, after, limit).build_query_as().fetch_all(p).await?
            }))
        })
        .await
}

const MARKS: &str = "SELECT created_at_us, product_id FROM favorites WHERE user_id = $1 \
                     AND (created_at_us, product_id) < ($2, $3) ORDER BY created_at_us DESC, product_id DESC LIMIT $4";

/// The same where the catalogue is in another database than the user. A product that is gone is passed over, so that
/// nobody has to remove its marks from every shard in the moment in which it goes.
async fn apart(store: &Store, user: Uuid, after: Option<(i64, Uuid)>, limit: i64) -> Result<Vec<Favorite>> {
    let mut favorites = Vec::new();
    let mut behind = after.unwrap_or((i64::MAX, Uuid::max()));
    loop {
        let wanted = limit - i64::try_from(favorites.len()).unwrap_or(limit);
        let marks: Vec<(i64, Uuid)> = ro!(store.of(user), p => sqlx::query_as(MARKS).bind(user).bind(behind.0)
            .bind(behind.1).bind(wanted).fetch_all(p).await?);
        let ids: Vec<Uuid> = marks.iter().map(|(_, product)| *product).collect();
        let mut products: HashMap<Uuid, Product> =
            products::all_of(store, &ids).await?.into_iter().map(|product| (product.id, product)).collect();
        let found = marks.iter().filter_map(|(marked, id)| {
            let product = products.remove(id)?;
            Some(Favorite { marked_at: Timestamp(*marked), product })
        });
        favorites.extend(found);
        match marks.last() {
            Some(last) if marks.len() as i64 == wanted && (favorites.len() as i64) < limit => behind = *last,
            _ => return Ok(favorites),
        }
    }
}

const PUT: &str = "INSERT INTO favorites (user_id, product_id, created_at_us) VALUES ($1, $2, $3) \
                   ON CONFLICT (user_id, product_id) DO NOTHING";

/// Marks a product; marking twice is marking once.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such product or user.
pub async fn put(store: &Store, user: Uuid, product: Uuid, now: Timestamp) -> Result<()> {
    // Where the catalogue is in another database, no foreign key looks there.
    if store.is_sharded() && products::get(store, product).await?.is_none() {
        return Err(StoreError::Dangling);
    }
    store
        .timed(Op::FavoritePut, async {
            rw!(store.of(user), p => sqlx::query(PUT).bind(user).bind(product).bind(now).execute(p).await?
                .rows_affected());
            Ok::<_, StoreError>(())
        })
        .await
}

const DELETE: &str = "DELETE FROM favorites WHERE user_id = $1 AND product_id = $2";

/// Unmarks a product; whether it was marked.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, user: Uuid, product: Uuid) -> Result<bool> {
    store
        .timed(Op::FavoriteDelete, async {
            Ok(rw!(store.of(user), p => sqlx::query(DELETE).bind(user).bind(product).execute(p).await?.rows_affected() > 0))
        })
        .await
}

const FORGET: &str = "DELETE FROM favorites WHERE product_id = $1";

/// Removes the marks of a product that is gone, where no foreign key does.
///
/// # Errors
/// When a database does not answer; the marks that stay are passed over.
pub(super) async fn forget(store: &Store, product: Uuid) -> Result<()> {
    for db in store.sharding().into_iter().flat_map(Sharding::databases) {
        rw!(db, p => sqlx::query(FORGET).bind(product).execute(p).await?.rows_affected());
    }
    Ok(())
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Int, Product, User};
    let after = Some((0, Uuid::nil()));
    vec![
        Named::hot("favourites: list", list_sql::<sqlx::Postgres>(Uuid::nil(), None, 1), &[User, Int(21)]),
        Named::hot(
            "favourites: list behind a position",
            list_sql::<sqlx::Postgres>(Uuid::nil(), after, 1),
            &[User, Int(i64::MAX), Product, Int(21)],
        ),
        Named::hot("favourites: marks alone", MARKS, &[User, Int(i64::MAX), Product, Int(21)]),
        Named::hot("favourites: of a product that is gone", FORGET, &[Product]),
        Named::hot("favourites: put", PUT, &[User, Product, Int(1)]),
        Named::hot("favourites: delete", DELETE, &[User, Product]),
    ]
}
