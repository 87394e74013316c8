//! The catalogue.

use serde::Serialize;
use uuid::Uuid;

use super::idempotency::{self, Claim};
use super::{Op, Result, Store, StoreError, Timestamp, in_tx, ro, ro_typed, rw};

/// A product, as stored and as sent.
#[derive(Clone, Debug, PartialEq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Identity.
    pub id: Uuid,
    /// What it is called.
    pub title: String,
    /// What it is.
    pub description: String,
    /// Which shelf it stands on.
    pub category: String,
    /// What it costs, in cents.
    pub price_cents: i64,
    /// How many there are.
    pub stock: i64,
    /// When it came into the catalogue.
    #[sqlx(rename = "created_at_us")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[sqlx(rename = "updated_at_us")]
    pub updated_at: Timestamp,
}

macro_rules! columns {
    () => {
        "id, title, description, category, price_cents, stock, created_at_us, updated_at_us"
    };
}

/// Which products are wanted; newest first.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    /// Only this category.
    pub category: Option<&'a str>,
    /// Not cheaper than this, in cents.
    pub min_price_cents: Option<i64>,
    /// Not dearer than this, in cents.
    pub max_price_cents: Option<i64>,
    /// Only those whose title contains this, whatever the case.
    pub q: Option<&'a str>,
    /// At most this many.
    pub limit: i64,
}

/// A `LIKE` pattern (escape character `\`) for texts that contain `q`, for comparison with lower case.
pub(super) fn contains(q: &str) -> String {
    let mut pattern = String::with_capacity(q.len() + 2);
    pattern.push('%');
    for c in q.chars().flat_map(char::to_lowercase) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn push_where<DB>(sql: &mut sqlx::QueryBuilder<DB>, filter: &Filter<'_>)
where
    DB: sqlx::Database,
    for<'q> String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    sql.push(" WHERE 1 = 1");
    if let Some(category) = filter.category {
        sql.push(" AND category = ").push_bind(category.to_owned());
    }
    if let Some(cents) = filter.min_price_cents {
        sql.push(" AND price_cents >= ").push_bind(cents);
    }
    if let Some(cents) = filter.max_price_cents {
        sql.push(" AND price_cents <= ").push_bind(cents);
    }
    if let Some(q) = filter.q {
        sql.push(" AND LOWER(title) LIKE ").push_bind(contains(q)).push(" ESCAPE '\\'");
    }
}

/// One page by offset, and how many products the filter finds in all.
///
/// # Errors
/// When the database does not answer.
pub async fn page(store: &Store, filter: &Filter<'_>, offset: i64) -> Result<(Vec<Product>, i64)> {
    store
        .timed(Op::ProductPage, async {
            Ok(ro_typed!(&store.db, p, Kind => {
                let mut connection = p.acquire().await?;
                let mut count = sqlx::QueryBuilder::<Kind>::new("SELECT COUNT(*) FROM products");
                push_where(&mut count, filter);
                let total: i64 = count.build_query_scalar().fetch_one(&mut *connection).await?;
                let mut sql = sqlx::QueryBuilder::<Kind>::new(concat!("SELECT ", columns!(), " FROM products"));
                push_where(&mut sql, filter);
                sql.push(" ORDER BY created_at_us DESC, id DESC LIMIT ").push_bind(filter.limit)
                    .push(" OFFSET ").push_bind(offset);
                (sql.build_query_as().fetch_all(&mut *connection).await?, total)
            }))
        })
        .await
}

/// The products behind the position `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, filter: &Filter<'_>, after: Option<(i64, Uuid)>) -> Result<Vec<Product>> {
    store
        .timed(Op::ProductList, async {
            Ok(ro_typed!(&store.db, p, Kind => {
                let mut sql = sqlx::QueryBuilder::<Kind>::new(concat!("SELECT ", columns!(), " FROM products"));
                push_where(&mut sql, filter);
                if let Some((created, id)) = after {
                    sql.push(" AND (created_at_us, id) < (").push_bind(created).push(", ").push_bind(id).push(")");
                }
                sql.push(" ORDER BY created_at_us DESC, id DESC LIMIT ").push_bind(filter.limit);
                sql.build_query_as().fetch_all(p).await?
            }))
        })
        .await
}

/// One product.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, id: Uuid) -> Result<Option<Product>> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM products WHERE id = $1");
    store
        .timed(Op::ProductGet, async {
            Ok(ro!(&store.db, p => sqlx::query_as(SQL).bind(id).fetch_optional(p).await?))
        })
        .await
}

/// Stores a new product; with a claim of `user`, at most once.
///
/// # Errors
/// [`StoreError::Dangling`] when there is no such user.
pub async fn insert(
    store: &Store,
    user: Uuid,
    product: &Product,
    claim: Option<&Claim<'_>>,
) -> Result<idempotency::Outcome> {
    const SQL: &str = "INSERT INTO products (id, title, description, category, price_cents, stock, created_at_us, \
                       updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
    macro_rules! insert_by {
        ($executor:expr) => {
            sqlx::query(SQL)
                .bind(product.id)
                .bind(&product.title)
                .bind(&product.description)
                .bind(&product.category)
                .bind(product.price_cents)
                .bind(product.stock)
                .bind(product.created_at)
                .execute($executor)
                .await?
        };
    }
    store
        .timed(Op::ProductInsert, async {
            let Some(claim) = claim else {
                rw!(&store.db, p => insert_by!(p));
                return Ok(idempotency::Outcome::Done);
            };
            Ok::<_, StoreError>(in_tx!(&store.db, tx => {
                let outcome = idempotency::claim!(tx, user, claim);
                if matches!(outcome, idempotency::Outcome::Done) {
                    insert_by!(&mut *tx);
                }
                outcome
            }))
        })
        .await
}

/// Changes to a product; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct Changes {
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<String>,
    /// New category.
    pub category: Option<String>,
    /// New price, in cents.
    pub price_cents: Option<i64>,
    /// New stock.
    pub stock: Option<i64>,
}

/// Changes a product; `None` when there is no such product.
///
/// # Errors
/// When the database does not answer.
pub async fn update(store: &Store, id: Uuid, changes: &Changes, now: Timestamp) -> Result<Option<Product>> {
    const SQL: &str = concat!(
        "UPDATE products SET title = COALESCE($2, title), description = COALESCE($3, description), \
         category = COALESCE($4, category), price_cents = COALESCE($5, price_cents), stock = COALESCE($6, stock), \
         updated_at_us = $7 WHERE id = $1 RETURNING ",
        columns!()
    );
    store
        .timed(Op::ProductUpdate, async {
            Ok(rw!(&store.db, p => sqlx::query_as(SQL).bind(id).bind(&changes.title).bind(&changes.description)
                .bind(&changes.category).bind(changes.price_cents).bind(changes.stock).bind(now)
                .fetch_optional(p).await?))
        })
        .await
}

/// Removes a product; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, id: Uuid) -> Result<bool> {
    store
        .timed(Op::ProductDelete, async {
            Ok(rw!(&store.db, p => sqlx::query("DELETE FROM products WHERE id = $1").bind(id).execute(p).await?
                .rows_affected() > 0))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_taken_literally() {
        assert_eq!(contains("50%_OFF\\"), "%50\\%\\_off\\\\%");
    }
}
