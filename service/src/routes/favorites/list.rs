use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::User;
use crate::cache::keys;
use crate::cursor::List;
use crate::error::Error;
use crate::input::Query;
use crate::out::{self, Audience, Wants};
use crate::routes::{DEFAULT_LIMIT, cut};
use crate::store::favorites::{self, Favorite};

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FavoriteQuery {
    /// The `nextCursor` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Favourites per page, 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One page of favourites.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FavoritePage {
    /// Marked last first.
    favorites: Vec<Favorite>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// The user's favourites, page by page.
#[utoipa::path(get, path = "/api/v1/favorites", tag = "favorites", operation_id = "listFavorites",
    security(("token" = []), ("key" = [])), params(FavoriteQuery),
    responses(
        (status = 200, description = "One page", body = FavoritePage),
        (status = 304, description = "The client has it already"),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    User(me): User,
    Query(query): Query<FavoriteQuery>,
    wants: Wants,
) -> Result<Response, Error> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let cursor = query.cursor.as_deref();
    let after = cursor.map(|cursor| app.cursors.open(List::Favorites, cursor)).transpose()?;
    let key = keys::favorites(me.user_id, limit.into(), cursor);
    let load = async {
        let mut favorites = favorites::list(&app.store, me.user_id, after, i64::from(limit) + 1).await?;
        let has_more = cut(&mut favorites, limit);
        let last = favorites.last().filter(|_| has_more);
        let next_cursor =
            last.map(|last| app.cursors.seal(List::Favorites, (last.marked_at.0, last.product.id)));
        Ok(FavoritePage { favorites, next_cursor, has_more })
    };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Private))
}
