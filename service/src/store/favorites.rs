//! Which products users marked as favourites.

use serde::Serialize;
use uuid::Uuid;

use super::products::Product;
use super::{Op, Result, Store, StoreError, Timestamp, ro_typed, rw};

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
            Ok(ro_typed!(&store.db, p, Kind => {
                let mut sql = sqlx::QueryBuilder::<Kind>::new(
                    "SELECT f.created_at_us AS marked_at_us, p.id, p.title, p.description, p.category, \
                     p.price_cents, p.stock, p.created_at_us, p.updated_at_us \
                     FROM favorites f JOIN products p ON p.id = f.product_id WHERE f.user_id = ",
                );
                sql.push_bind(user);
                if let Some((marked, id)) = after {
                    sql.push(" AND (f.created_at_us, f.product_id) < (").push_bind(marked).push(", ").push_bind(id)
                        .push(")");
                }
                sql.push(" ORDER BY f.created_at_us DESC, f.product_id DESC LIMIT ").push_bind(limit);
                sql.build_query_as().fetch_all(p).await?
            }))
        })
        .await
}

/// Marks a product; marking twice is marking once.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such product or user.
pub async fn put(store: &Store, user: Uuid, product: Uuid, now: Timestamp) -> Result<()> {
    const SQL: &str = "INSERT INTO favorites (user_id, product_id, created_at_us) VALUES ($1, $2, $3) \
                       ON CONFLICT (user_id, product_id) DO NOTHING";
    store
        .timed(Op::FavoritePut, async {
            rw!(&store.db, p => sqlx::query(SQL).bind(user).bind(product).bind(now).execute(p).await?);
            Ok::<_, StoreError>(())
        })
        .await
}

/// Unmarks a product; whether it was marked.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, user: Uuid, product: Uuid) -> Result<bool> {
    const SQL: &str = "DELETE FROM favorites WHERE user_id = $1 AND product_id = $2";
    store
        .timed(Op::FavoriteDelete, async {
            Ok(rw!(&store.db, p => sqlx::query(SQL).bind(user).bind(product).execute(p).await?.rows_affected() > 0))
        })
        .await
}
