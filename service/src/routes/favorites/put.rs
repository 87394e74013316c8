use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::app::App;
use crate::auth::User;
use crate::cache::Scope;
use crate::error::Error;
use crate::store::{StoreError, Timestamp, favorites};
use crate::{clock, input};

/// Marks a product. Marking twice is marking once.
#[utoipa::path(put, path = "/api/v1/favorites/{product_id}", tag = "favorites", operation_id = "markFavorite",
    security(("token" = []), ("key" = [])), params(("product_id" = uuid::Uuid, Path, description = "The product's id")),
    responses(
        (status = 204, description = "Marked"),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 404, description = "No such product", body = crate::error::Problem)))]
pub async fn put(
    State(app): State<Arc<App>>,
    User(me): User,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "product")?;
    favorites::put(&app.store, me.user_id, id, Timestamp(clock::now_us())).await.map_err(|e| match e {
        StoreError::Dangling => Error::NotFound("product"),
        other => other.into(),
    })?;
    app.cache.invalidate(&[Scope::FavoritesOf(me.user_id)]).await;
    Ok(StatusCode::NO_CONTENT)
}
