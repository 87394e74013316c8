use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use crate::app::App;
use crate::auth::Admin;
use crate::cache::Scope;
use crate::error::Error;
use crate::input::JsonAndBytes;
use crate::routes::created::{Created, IdempotencyKey, claim, settle};
use crate::store::Timestamp;
use crate::store::products::{self, Product};
use crate::{clock, out};

#[derive(Deserialize, Validate, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProduct {
    /// What it is called.
    #[garde(length(chars, min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// What it is.
    #[garde(length(chars, max = 5000))]
    #[schema(max_length = 5000)]
    #[serde(default)]
    description: String,
    /// Which shelf it stands on.
    #[garde(length(chars, min = 1, max = 50))]
    #[schema(min_length = 1, max_length = 50)]
    category: String,
    /// What it costs, in cents.
    #[garde(range(min = 0, max = 100_000_000_000))]
    #[schema(minimum = 0, maximum = 100_000_000_000.0)]
    price_cents: i64,
    /// How many there are; none if not given.
    #[garde(range(min = 0, max = 1_000_000_000))]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    #[serde(default)]
    stock: i64,
}

/// Adds a product. For admins. With an `Idempotency-Key`, repeating the request within 24 h adds no second one.
#[utoipa::path(post, path = "/api/v1/products", tag = "products", operation_id = "createProduct",
    security(("token" = [])), request_body = NewProduct,
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The new product", body = Product),
        (status = 403, description = "Not an admin at an allowed address", body = crate::error::Problem),
        (status = 409, description = "The same request is in progress", body = crate::error::Problem),
        (status = 422, description = "Fields are not acceptable, or the key was used for another request",
            body = crate::error::Problem)))]
pub async fn post(
    State(app): State<Arc<App>>,
    Admin(me): Admin,
    IdempotencyKey(key): IdempotencyKey,
    JsonAndBytes(new, bytes): JsonAndBytes<NewProduct>,
) -> Result<Response, Error> {
    let now = Timestamp(clock::now_us());
    let product = Product {
        id: clock::new_id(),
        title: new.title,
        description: new.description,
        category: new.category,
        price_cents: new.price_cents,
        stock: new.stock,
        created_at: now,
        updated_at: now,
    };
    let body = serde_json::to_vec(&product).map_err(Error::internal)?;
    let claim = key.as_deref().map(|key| claim("POST /api/v1/products", key, &bytes, &body, now));
    let outcome = products::insert(&app.store, me.user_id, &product, claim.as_ref()).await?;
    let Created { body, replayed } = settle(outcome, &body)?;
    // Also after a replay: the first try may have ended between its commit and this.
    app.cache.invalidate(&[Scope::Products]).await;
    let mut response = out::json_bytes(StatusCode::CREATED, body);
    if !replayed && let Ok(location) = HeaderValue::from_str(&format!("/api/v1/products/{}", product.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
