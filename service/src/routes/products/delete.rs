use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::GONE;
use crate::app::App;
use crate::auth::Admin;
use crate::cache::Scope;
use crate::error::Error;
use crate::input;
use crate::store::products;

/// Removes a product, from everybody's favourites too. For admins.
#[utoipa::path(delete, path = "/api/v1/products/{id}", tag = "products", operation_id = "deleteProduct",
    security(("token" = [])), params(("id" = uuid::Uuid, Path, description = "The product's id")),
    responses(
        (status = 204, description = "Gone"),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem),
        (status = 404, description = "No such product", body = crate::error::Problem)))]
pub async fn delete(
    State(app): State<Arc<App>>,
    Admin(_me): Admin,
    path: Path<String>,
) -> Result<StatusCode, Error> {
    let id = input::id(path, "product")?;
    if !products::delete(&app.store, id).await? {
        return Err(GONE);
    }
    app.cache.invalidate(&[Scope::Products]).await;
    Ok(StatusCode::NO_CONTENT)
}
