use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;

use super::GONE;
use super::fields::{Fields, Selected};
use crate::app::App;
use crate::cache::keys;
use crate::error::Error;
use crate::input::{self, Query};
use crate::out::{self, Audience, Wants};
use crate::store::products::{self, Product};

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FieldsQuery {
    /// Only these fields, such as `id,title,priceCents`.
    #[garde(length(max = 200))]
    #[param(max_length = 200)]
    fields: Option<String>,
}

/// One product.
#[utoipa::path(get, path = "/api/v1/products/{id}", tag = "products", operation_id = "getProduct",
    params(("id" = uuid::Uuid, Path, description = "The product's id"), FieldsQuery),
    responses(
        (status = 200, description = "The product", body = Product),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "No such product", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    path: Path<String>,
    Query(query): Query<FieldsQuery>,
    wants: Wants,
) -> Result<Response, Error> {
    let id = input::id(path, "product")?;
    let fields = Fields::parse(query.fields.as_deref())?;
    let key = keys::product(id, fields.bits());
    let load = async { Ok(Selected(products::get(&app.store, id).await?.ok_or(GONE)?, fields)) };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Public))
}
