//! What the roll-up has counted.

use serde::Serialize;

use super::named::{Arg, Named};
use super::{Op, Result, Store, ro};

/// Users on the way from a look to a purchase; each counts at a step when they took all steps before it, too, in
/// whatever order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Funnel {
    /// Users who looked at a product.
    pub viewed: i64,
    /// Of those, users who marked a favourite.
    pub favorited: i64,
    /// Of those, users who bought.
    pub converted: i64,
}

const FUNNEL: &str = "SELECT COALESCE(SUM(v), 0) AS viewed, COALESCE(SUM(v * f), 0) AS favorited, \
                      COALESCE(SUM(v * f * c), 0) AS converted FROM (SELECT user_id, \
                      MAX(CASE WHEN kind = 'product_view' THEN 1 ELSE 0 END) AS v, \
                      MAX(CASE WHEN kind = 'favorite' THEN 1 ELSE 0 END) AS f, \
                      MAX(CASE WHEN kind = 'conversion' THEN 1 ELSE 0 END) AS c \
                      FROM event_users WHERE day >= $1 GROUP BY user_id) AS steps";

/// The funnel from `day` on, in days since the Unix epoch.
///
/// # Errors
/// When the database does not answer.
pub async fn funnel(store: &Store, day: i64) -> Result<Funnel> {
    store
        .timed(Op::AnalyticsFunnel, async {
            Ok(ro!(store.catalog(), p => sqlx::query_as(FUNNEL).bind(day).fetch_one(p).await?))
        })
        .await
}

/// A text that was searched for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SearchTerm {
    /// The text.
    pub term: String,
    /// How often.
    pub searches: i64,
}

const TOP: &str = "SELECT term, CAST(SUM(searches) AS BIGINT) AS searches FROM search_terms WHERE day >= $1 \
                   GROUP BY term ORDER BY 2 DESC, 1 LIMIT $2";

/// What was searched for most from `day` on, in days since the Unix epoch.
///
/// # Errors
/// When the database does not answer.
pub async fn top_searches(store: &Store, day: i64, limit: i64) -> Result<Vec<SearchTerm>> {
    store
        .timed(Op::AnalyticsSearches, async {
            Ok(ro!(store.catalog(), p => sqlx::query_as(TOP).bind(day).bind(limit).fetch_all(p).await?))
        })
        .await
}

/// What `explain` shows of this file. Admins ask, now and then, over as many days as they say.
pub(super) fn questions() -> Vec<Named> {
    vec![
        Named::cold("analytics: funnel", FUNNEL, &[Arg::Int(20_000)]),
        Named::cold("analytics: top searches", TOP, &[Arg::Int(20_000), Arg::Int(10)]),
    ]
}
