use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::User;
use crate::cache::keys;
use crate::error::Error;
use crate::input::Query;
use crate::out::{self, Audience, Wants};
use crate::routes::DEFAULT_LIMIT;
use crate::store::products::Product;
use crate::store::recommendations;

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecommendationQuery {
    /// Products at most, 20 if not given.
    #[garde(range(min = 1, max = 50))]
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// What a user may like.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Recommendations {
    /// Products, the likeliest first.
    recommendations: Vec<Product>,
}

/// Products that the user did not mark: first those that others marked along with the user's favourites, then those that
/// most marked. They are counted every few minutes.
#[utoipa::path(get, path = "/api/v1/recommendations", tag = "recommendations", operation_id = "listRecommendations",
    security(("token" = []), ("key" = [])), params(RecommendationQuery),
    responses(
        (status = 200, description = "The products", body = Recommendations),
        (status = 304, description = "The client has it already"),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    User(me): User,
    Query(query): Query<RecommendationQuery>,
    wants: Wants,
) -> Result<Response, Error> {
    let limit = i64::from(query.limit.unwrap_or(DEFAULT_LIMIT));
    let key = keys::recommendations(me.user_id, limit);
    let load = async {
        let recommendations = recommendations::list(&app.store, me.user_id, limit).await?;
        Ok(Recommendations { recommendations })
    };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Private))
}
