//! What a user may like: products that others marked who marked the same, and then what most marked.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::named::{Arg, Named};
use super::products::{self, Product};
use super::{Op, Result, Store, ro, ro_typed};

/// Favourites that are left out of what is recommended, the latest.
const KNOWN: i64 = 500;
/// Favourites from which recommendations follow, the latest.
const FROM: usize = 20;
/// Of each, the products that most marked along with it.
const ALONG: i64 = 50;
/// More than asked for, because some may be gone from the catalogue.
const SPARE: i64 = 20;

const MARKS: &str = "SELECT product_id FROM favorites WHERE user_id = $1 \
                     ORDER BY created_at_us DESC, product_id DESC LIMIT $2";

const POPULAR: &str = "SELECT other_id FROM co_favorites WHERE generation = \
                       (SELECT generation FROM co_favorites_walk WHERE alone = TRUE) AND product_id = other_id \
                       ORDER BY users DESC, other_id LIMIT $1";

fn along_sql<DB>(from: &[Uuid], limit: i64) -> sqlx::QueryBuilder<DB>
where
    DB: sqlx::Database,
    for<'q> Uuid: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
    for<'q> i64: sqlx::Encode<'q, DB> + sqlx::Type<DB>,
{
    let mut sql = sqlx::QueryBuilder::new("SELECT other_id FROM (");
    for (n, product) in from.iter().enumerate() {
        sql.push(if n == 0 { "" } else { " UNION ALL " });
        sql.push(
            "SELECT other_id, users FROM (SELECT other_id, users FROM co_favorites WHERE generation = \
             (SELECT generation FROM co_favorites_walk WHERE alone = TRUE) AND product_id = ",
        );
        sql.push_bind(*product).push(" ORDER BY users DESC, other_id LIMIT ").push_bind(ALONG);
        sql.push(format!(") AS along{n}"));
    }
    sql.push(") AS along GROUP BY other_id ORDER BY SUM(users) DESC, other_id LIMIT ").push_bind(limit);
    sql
}

/// At most `limit` products that `user` did not mark, the likeliest first: those that were marked by most users along with
/// the user's favourites, then those that most users marked at all.
///
/// # Errors
/// When a database does not answer.
pub async fn list(store: &Store, user: Uuid, limit: i64) -> Result<Vec<Product>> {
    store.timed(Op::RecommendationList, Box::pin(find(store, user, limit))).await
}

async fn find(store: &Store, user: Uuid, limit: i64) -> Result<Vec<Product>> {
    let marks: Vec<Uuid> =
        ro!(store.of(user), p => sqlx::query_scalar(MARKS).bind(user).bind(KNOWN).fetch_all(p).await?);
    let most = limit + SPARE + i64::try_from(marks.len()).unwrap_or(KNOWN);
    let mut found: Vec<Uuid> = Vec::new();
    if !marks.is_empty() {
        let from = &marks[..marks.len().min(FROM)];
        found = ro_typed!(store.catalog(), p, Kind => {
            along_sql::<Kind>(from, most).build_query_scalar().fetch_all(p).await?
        });
    }
    let popular: Vec<Uuid> =
        ro!(store.catalog(), p => sqlx::query_scalar(POPULAR).bind(most).fetch_all(p).await?);
    found.extend(popular);
    let mut known: HashSet<Uuid> = marks.into_iter().collect();
    found.retain(|product| known.insert(*product));
    let wanted = usize::try_from(limit).unwrap_or(0);
    found.truncate(wanted + SPARE as usize);
    let mut products: HashMap<Uuid, Product> =
        products::all_of(store, &found).await?.into_iter().map(|product| (product.id, product)).collect();
    Ok(found.iter().filter_map(|id| products.remove(id)).take(wanted).collect())
}

/// What `explain` shows of this file.
pub(super) fn questions() -> Vec<Named> {
    use Arg::{Int, Product, User};
    vec![
        Named::hot("recommendations: marks", MARKS, &[User, Int(KNOWN)]),
        Named::hot(
            "recommendations: marked along with two products",
            along_sql::<sqlx::Postgres>(&[Uuid::nil(), Uuid::nil()], 1),
            &[Product, Int(ALONG), Product, Int(ALONG), Int(40)],
        ),
        Named::hot("recommendations: marked by most", POPULAR, &[Int(40)]),
    ]
}
