use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::fields::{Fields, Selected};
use crate::app::App;
use crate::cache::keys;
use crate::error::Error;
use crate::input::Query;
use crate::out::{self, Audience, Wants};
use crate::routes::DEFAULT_LIMIT;
use crate::store::products::{self, Filter, Product};

/// Since when this version is deprecated (RFC 9745): 2026-01-01.
const DEPRECATED_SINCE: &str = "@1767225600";
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OffsetQuery {
    /// Only this category.
    #[garde(length(chars, min = 1, max = 50))]
    #[param(min_length = 1, max_length = 50)]
    category: Option<String>,
    /// Not cheaper than this, in cents.
    #[garde(range(min = 0))]
    #[param(minimum = 0)]
    min_price: Option<i64>,
    /// Not dearer than this, in cents.
    #[garde(range(min = 0))]
    #[param(minimum = 0)]
    max_price: Option<i64>,
    /// Only products whose title contains this, whatever the case.
    #[garde(length(chars, min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// Only these fields, such as `id,title,priceCents`.
    #[garde(length(max = 200))]
    #[param(max_length = 200)]
    fields: Option<String>,
    /// Which page, from 1.
    #[garde(range(min = 1, max = 1_000_000))]
    #[param(minimum = 1)]
    page: Option<u32>,
    /// Products per page, 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One page of products, by number.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberedPage {
    /// Newest first.
    #[schema(value_type = Vec<Product>)]
    products: Vec<Selected>,
    /// Which page this is, from 1.
    page: u32,
    /// Products per page.
    limit: u32,
    /// Products on all pages.
    total: i64,
    /// How many pages there are.
    total_pages: i64,
}

/// The parts of a filter in a fixed order, for the cache; `q` comes last because it may hold any character.
pub(super) fn filter_name(filter: &Filter<'_>, fields: Fields) -> String {
    let mut name = String::with_capacity(64);
    let number = |value: Option<i64>| value.unwrap_or(-1);
    // Writing to a string does not fail. The length keeps a category with a colon apart from what follows.
    let _ = write!(
        name,
        "{}:{}:{}:{}:{}:{}:{}",
        fields.bits(),
        filter.limit,
        number(filter.min_price_cents),
        number(filter.max_price_cents),
        filter.category.map_or(0, str::len),
        filter.category.unwrap_or(""),
        filter.q.unwrap_or("")
    );
    name
}

/// Refuses a range that holds nothing.
pub(super) fn check_prices(min: Option<i64>, max: Option<i64>) -> Result<(), Error> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => Err(Error::field("max_price", "must not be below min_price")),
        _ => Ok(()),
    }
}

/// The catalogue by page number. Deprecated: pages shift when products are added, and far pages cost more; use
/// `/api/v2/products`.
#[utoipa::path(get, path = "/api/v1/products", tag = "products", operation_id = "listProductsByPage",
    params(OffsetQuery),
    responses(
        (status = 200, description = "One page", body = NumberedPage,
            headers(("Deprecation" = String, description = "Since when (RFC 9745)"))),
        (status = 304, description = "The client has it already"),
        (status = 422, description = "Parameters are not acceptable", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Query(query): Query<OffsetQuery>,
    wants: Wants,
) -> Result<Response, Error> {
    check_prices(query.min_price, query.max_price)?;
    let fields = Fields::parse(query.fields.as_deref())?;
    let (number, limit) = (query.page.unwrap_or(1), query.limit.unwrap_or(DEFAULT_LIMIT));
    let filter = Filter {
        category: query.category.as_deref(),
        min_price_cents: query.min_price,
        max_price_cents: query.max_price,
        q: query.q.as_deref(),
        limit: limit.into(),
    };
    let key = keys::products(1, &format!("{number}:{}", filter_name(&filter, fields)));
    let load = async {
        let offset = i64::from(number - 1) * i64::from(limit);
        let (products, total) = products::page(&app.store, &filter, offset).await?;
        let products = products.into_iter().map(|product| Selected(product, fields)).collect();
        let total_pages = (total + i64::from(limit) - 1) / i64::from(limit);
        Ok(NumberedPage { products, page: number, limit, total, total_pages })
    };
    let (page, outcome) = app.cache.read(key, load).await?;
    let mut response = out::page(&page, outcome, &wants, Audience::Public);
    let headers = response.headers_mut();
    headers.insert(DEPRECATION, HeaderValue::from_static(DEPRECATED_SINCE));
    headers.insert(header::LINK, HeaderValue::from_static("</api/v2/products>; rel=\"successor-version\""));
    Ok(response)
}
