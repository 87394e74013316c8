use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};

use super::fields::{Fields, Selected};
use super::list::{check_prices, filter_name};
use crate::app::App;
use crate::cache::keys;
use crate::cursor::List;
use crate::error::Error;
use crate::input::Query;
use crate::out::{self, Audience, Wants};
use crate::routes::{DEFAULT_LIMIT, cut};
use crate::store::products::{self, Filter, Product};

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CursorQuery {
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
    /// The `nextCursor` of the page before.
    #[garde(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Products per page, 20 if not given.
    #[garde(range(min = 1, max = 100))]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// One page of products.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductPage {
    /// Newest first.
    #[schema(value_type = Vec<Product>)]
    products: Vec<Selected>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// The catalogue, page by page, newest first. Pages stay in step when products are added meanwhile.
#[utoipa::path(get, path = "/api/v2/products", tag = "products", operation_id = "listProducts", params(CursorQuery),
    responses(
        (status = 200, description = "One page", body = ProductPage),
        (status = 304, description = "The client has it already"),
        (status = 400, description = "The cursor is not one of this list", body = crate::error::Problem),
        (status = 422, description = "Parameters are not acceptable", body = crate::error::Problem)))]
pub async fn get(
    State(app): State<Arc<App>>,
    Query(query): Query<CursorQuery>,
    wants: Wants,
) -> Result<Response, Error> {
    check_prices(query.min_price, query.max_price)?;
    let fields = Fields::parse(query.fields.as_deref())?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let cursor = query.cursor.as_deref();
    let after = cursor.map(|cursor| app.cursors.open(List::Products, cursor)).transpose()?;
    let filter = Filter {
        category: query.category.as_deref(),
        min_price_cents: query.min_price,
        max_price_cents: query.max_price,
        q: query.q.as_deref(),
        // One more than asked for tells whether there is a next page.
        limit: i64::from(limit) + 1,
    };
    let name = format!("{}:{}", cursor.unwrap_or(""), filter_name(&filter, fields));
    let key = keys::products(2, &name);
    let load = async {
        let mut products = products::list(&app.store, &filter, after).await?;
        let has_more = cut(&mut products, limit);
        let last = products.last().filter(|_| has_more);
        let next_cursor =
            last.map(|product| app.cursors.seal(List::Products, (product.created_at.0, product.id)));
        let products = products.into_iter().map(|product| Selected(product, fields)).collect();
        Ok(ProductPage { products, next_cursor, has_more })
    };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Public))
}
