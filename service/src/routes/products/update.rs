use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use super::GONE;
use crate::app::App;
use crate::auth::Admin;
use crate::cache::Scope;
use crate::error::Error;
use crate::input::{self, Json};
use crate::store::Timestamp;
use crate::store::products::{self, Changes, Product};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProductChanges {
    /// New title.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    #[serde(default)]
    title: Option<String>,
    /// New description.
    #[garde(length(chars, max = 5000))]
    #[schema(max_length = 5000)]
    #[serde(default)]
    description: Option<String>,
    /// New category.
    #[garde(length(chars, min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    #[serde(default)]
    category: Option<String>,
    /// New price, in cents.
    #[garde(range(min = 0, max = 100_000_000_000))]
    #[schema(minimum = 0, maximum = 100_000_000_000.0)]
    #[serde(default)]
    price_cents: Option<i64>,
    /// New stock.
    #[garde(range(min = 0, max = 1_000_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    #[serde(default)]
    stock: Option<i64>,
}

/// Changes a product; what is left out stays. For admins.
#[utoipa::path(patch, path = "/api/v1/products/{id}", tag = "products", operation_id = "updateProduct",
    security(("token" = [])), params(("id" = uuid::Uuid, Path, description = "The product's id")),
    request_body = ProductChanges,
    responses(
        (status = 200, description = "The product as it is now", body = Product),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem),
        (status = 404, description = "No such product", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable", body = crate::error::Problem)))]
pub async fn patch(
    State(app): State<Arc<App>>,
    Admin(_me): Admin,
    path: Path<String>,
    Json(wanted): Json<ProductChanges>,
) -> Result<Response, Error> {
    let id = input::id(path, "product")?;
    let changes = Changes {
        title: wanted.title,
        description: wanted.description,
        category: wanted.category,
        price_cents: wanted.price_cents,
        stock: wanted.stock,
    };
    let product =
        products::update(&app.store, id, &changes, Timestamp(clock::now_us())).await?.ok_or(GONE)?;
    app.cache.invalidate(&[Scope::Products]).await;
    out::json(StatusCode::OK, &product)
}
