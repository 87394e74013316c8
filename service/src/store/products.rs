//! The catalogue.

use serde::Serialize;
use uuid::Uuid;

use super::idempotency::{self, Claim};
use super::named::{Arg, Named};
use super::{Op, Result, Store, StoreError, Timestamp, favorites, in_tx, ro, ro_typed, rw};

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

/// A `LIKE` pattern (escape character `\`) for texts that contain `q`, for comparison with lower case; lower case of the
/// databases' kind, which is of the letters A to Z.
pub fn contains(q: &str) -> String {
    let mut pattern = String::with_capacity(q.len() + 2);
    pattern.push('%');
    for c in q.chars().map(|c| c.to_ascii_lowercase()) {
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

fn count_sql<DB>(filter: &Filter<'_>) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new("SELECT COUNT(*) FROM products");
    push_where(&mut sql, filter);
    sql
}

fn page_sql<DB>(filter: &Filter<'_>, offset: i64) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM products"));
    push_where(&mut sql, filter);
    sql.push(" ORDER BY created_at_us DESC, id DESC LIMIT ").push_bind(filter.limit);
    sql.push(" OFFSET ").push_bind(offset);
    sql
}

fn list_sql<DB>(filter: &Filter<'_>, after: Option<(i64, Uuid)>) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> String: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM products"));
    push_where(&mut sql, filter);
    if let Some((created, id)) = after {
        sql.push(" AND (created_at_us, id) < (").push_bind(created).push(", ").push_bind(id).push(")");
    }
    sql.push(" ORDER BY created_at_us DESC, id DESC LIMIT ").push_bind(filter.limit);
    sql
}

/// One page by offset, and how many products the filter finds in all.
///
/// # Errors
/// When the database does not answer.
pub async fn page(store: &Store, filter: &Filter<'_>, offset: i64) -> Result<(Vec<Product>, i64)> {
    store
        .timed(
            Op::ProductPage,
            Box::pin(async {
                Ok(ro_typed!(store.catalog(), p, Kind => {
                    let mut connection = p.acquire().await?;
                    let total: i64 =
                        count_sql::<Kind>(filter).build_query_scalar().fetch_one(&mut *connection).await?;
                    let mut page = page_sql::<Kind>(filter, offset);
                    (page.build_query_as().fetch_all(&mut *connection).await?, total)
                }))
            }),
        )
        .await
}

/// The products behind the position `after`.
///
/// # Errors
/// When the database does not answer.
pub async fn list(store: &Store, filter: &Filter<'_>, after: Option<(i64, Uuid)>) -> Result<Vec<Product>> {
    store
        .timed(Op::ProductList, async {
            Ok(ro_typed!(store.catalog(), p, Kind => {
                list_sql::<Kind>(filter, after).build_query_as().fetch_all(p).await?
            }))
        })
        .await
}

const GET: &str = concat!("SELECT ", columns!(), " FROM products WHERE id = $1");

/// One product.
///
/// # Errors
/// When the database does not answer.
pub async fn get(store: &Store, id: Uuid) -> Result<Option<Product>> {
    store
        .timed(Op::ProductGet, async {
            Ok(ro!(store.catalog(), p => sqlx::query_as(GET).bind(id).fetch_optional(p).await?))
        })
        .await
}

fn all_sql<DB>(ids: &[Uuid]) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new(concat!("SELECT ", columns!(), " FROM products WHERE id IN ("));
    let mut list = sql.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    sql.push(")");
    sql
}

/// Those of the products with these ids that are there, in any order.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn all_of(store: &Store, ids: &[Uuid]) -> Result<Vec<Product>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(ro_typed!(store.catalog(), p, Kind => {
        all_sql::<Kind>(ids).build_query_as().fetch_all(p).await?
    }))
}

const INSERT: &str = "INSERT INTO products (id, title, description, category, price_cents, stock, created_at_us, \
                   updated_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";

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
    macro_rules! insert_by {
        ($executor:expr) => {
            sqlx::query(INSERT)
                .bind(product.id)
                .bind(&product.title)
                .bind(&product.description)
                .bind(&product.category)
                .bind(product.price_cents)
                .bind(product.stock)
                .bind(product.created_at)
                .execute($executor)
                .await?
                .rows_affected()
        };
    }
    store
        .timed(Op::ProductInsert, async {
            let Some(claim) = claim else {
                rw!(store.catalog(), p => insert_by!(p));
                return Ok(idempotency::Outcome::Done);
            };
            Ok::<_, StoreError>(in_tx!(store.catalog().claiming(user, Some(claim)), tx => {
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

const UPDATE: &str = concat!(
    "UPDATE products SET title = COALESCE($2, title), description = COALESCE($3, description), \
     category = COALESCE($4, category), price_cents = COALESCE($5, price_cents), stock = COALESCE($6, stock), \
     updated_at_us = $7 WHERE id = $1 RETURNING ",
    columns!()
);

/// Changes a product; `None` when there is no such product.
///
/// # Errors
/// When the database does not answer.
pub async fn update(store: &Store, id: Uuid, changes: &Changes, now: Timestamp) -> Result<Option<Product>> {
    store
        .timed(Op::ProductUpdate, async {
            Ok(rw!(store.catalog(), p => sqlx::query_as(UPDATE).bind(id).bind(&changes.title).bind(&changes.description)
                .bind(&changes.category).bind(changes.price_cents).bind(changes.stock).bind(now)
                .fetch_optional(p).await?))
        })
        .await
}

const DELETE: &str = "DELETE FROM products WHERE id = $1";

/// Removes a product; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(store: &Store, id: Uuid) -> Result<bool> {
    store
        .timed(Op::ProductDelete, async {
            let deleted = rw!(store.catalog(), p => sqlx::query(DELETE).bind(id).execute(p).await?
                .rows_affected() > 0);
            Box::pin(favorites::forget(store, id)).await?;
            Ok(deleted)
        })
        .await
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Int, NoText, Product, Text};
    let list = |filter: &Filter<'_>| list_sql::<sqlx::Postgres>(filter, None);
    let after = Some((0, Uuid::nil()));
    let limit = Int(21);
    let all = Filter::default();
    let priced = Filter { min_price_cents: Some(1), max_price_cents: Some(2), ..Filter::default() };
    vec![
        // What the first pagination costs is what the second one is compared with.
        Named::cold("products: count", count_sql::<sqlx::Postgres>(&all), &[]),
        Named::cold("products: page by offset", page_sql::<sqlx::Postgres>(&all, 1), &[limit, Int(100)]),
        Named::hot("products: list", list(&all), &[limit]),
        Named::hot(
            "products: list behind a position",
            list_sql::<sqlx::Postgres>(&all, after),
            &[Int(i64::MAX), Product, limit],
        ),
        Named::hot(
            "products: list of a category",
            list(&Filter { category: Some("x"), ..Filter::default() }),
            &[Text("books"), limit],
        ),
        Named::hot("products: list by price", list(&priced), &[Int(1000), Int(9000), limit]),
        Named::hot(
            "products: list by part of the title",
            list(&Filter { q: Some("x"), ..Filter::default() }),
            &[Text("%lamp%"), limit],
        ),
        Named::hot("products: get", GET, &[Product]),
        Named::hot(
            "products: some by id",
            all_sql::<sqlx::Postgres>(&[Uuid::nil(), Uuid::max()]),
            &[Product, Arg::Id],
        ),
        Named::hot(
            "products: insert",
            INSERT,
            &[Product, Text("T"), Text("D"), Text("books"), Int(1), Int(1), Int(1)],
        ),
        Named::hot("products: update", UPDATE, &[Product, Text("T"), NoText, NoText, Int(1), Int(1), Int(1)]),
        Named::hot("products: delete", DELETE, &[Product]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_taken_literally() {
        assert_eq!(contains("50%_OFF\\"), "%50\\%\\_off\\\\%");
    }
}
