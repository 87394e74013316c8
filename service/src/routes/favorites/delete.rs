use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::app::App;
use crate::auth::User;
use crate::cache::Scope;
use crate::error::Error;
use crate::input;
use crate::store::favorites;

/// Unmarks a product. What is not marked stays so.
#[utoipa::path(delete, path = "/api/v1/favorites/{product_id}", tag = "favorites", operation_id = "unmarkFavorite",
    security(("token" = []), ("key" = [])), params(("product_id" = uuid::Uuid, Path, description = "The product's id")),
    responses(
        (status = 204, description = "Not marked (any more)"),
        (status = 401, description = "No valid token", body = crate::error::Problem),
        (status = 404, description = "That is no product's id", body = crate::error::Problem)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    User(me): User,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "product")?;
    if favorites::delete(&app.store, me.user_id, id).await? {
        app.cache.invalidate(&[Scope::FavoritesOf(me.user_id)]).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
