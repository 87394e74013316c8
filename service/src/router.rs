//! The whole route table.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler as _;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::app::App;
use crate::error::Error;
use crate::middleware::EdgeLayer;
use crate::middleware::limits::Class;
use crate::routes::{
    admin, auth, events, favorites, files, jobs, notifications, ops, products, tasks, users,
};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Headroom reference service",
        description = "A task manager with a product catalogue. Errors are RFC 9457 problem+json.",
        license(name = "MIT OR Apache-2.0")
    ),
    components(schemas(crate::error::Problem, crate::error::FieldError))
)]
struct Api;

/// The routes with the middleware around each, and their description.
pub fn build(app: &Arc<App>) -> (Router, OpenApi) {
    let limited = |class, routes: Table| layered(routes, |route| EdgeLayer::limited(app, route, class));
    let exempt = |routes: Table| layered(routes, |route| EdgeLayer::exempt(app, route));

    let (router, mut api) = OpenApiRouter::with_openapi(Api::openapi())
        // accounts
        .routes(limited(Class::Auth, routes!(auth::register::post)))
        .routes(limited(Class::Auth, routes!(auth::login::post)))
        .routes(limited(Class::Auth, routes!(auth::refresh::post)))
        .routes(limited(Class::Auth, routes!(auth::logout::post)))
        .routes(limited(Class::Auth, routes!(auth::logout_all::post)))
        .routes(limited(Class::General, routes!(users::me::get, users::me::patch, users::me::delete)))
        .routes(limited(Class::General, routes!(users::preferences::get, users::preferences::put)))
        // tasks
        .routes(limited(Class::Listing, routes!(tasks::list::get, tasks::create::post)))
        .routes(limited(Class::General, routes!(tasks::stats::get)))
        .routes(limited(
            Class::General,
            routes!(tasks::get::get, tasks::update::patch, tasks::delete::delete),
        ))
        .routes(limited(Class::General, routes!(tasks::export::post)))
        .routes(limited(Class::General, routes!(jobs::get::get)))
        .routes(limited(Class::General, routes!(files::get::get)))
        // catalogue
        .routes(limited(Class::Listing, routes!(products::list::get, products::create::post)))
        .routes(limited(
            Class::General,
            routes!(products::get::get, products::update::patch, products::delete::delete),
        ))
        .routes(limited(Class::Listing, routes!(products::list_v2::get)))
        // favourites
        .routes(limited(Class::Favorites, routes!(favorites::list::get)))
        .routes(limited(Class::Favorites, routes!(favorites::put::put, favorites::delete::delete)))
        // notifications
        .routes(limited(Class::General, routes!(notifications::list::get)))
        .routes(limited(Class::General, routes!(notifications::read::post)))
        // analytics
        .routes(limited(Class::General, routes!(events::create::post)))
        .routes(limited(Class::General, routes!(admin::analytics::funnel::get)))
        .routes(limited(Class::General, routes!(admin::analytics::top_searches::get)))
        // operations
        .routes(exempt(routes!(ops::health::get)))
        .routes(exempt(routes!(ops::livez::get)))
        .routes(exempt(routes!(ops::readyz::get)))
        .routes(exempt(routes!(ops::metrics::get)))
        .split_for_parts();
    describe_tokens(&mut api);

    let router = router.with_state(Arc::clone(app));
    let router = router.merge(ops::docs::routes(app, &api));
    let nothing =
        (|| async { Error::NotFound("path") }).layer(EdgeLayer::limited(app, "(unmatched)", Class::General));
    (router.fallback_service(nothing.with_state(())), api)
}

type Table = UtoipaMethodRouter<Arc<App>>;

/// Puts the layer for its path around a row of the table; another method on that path is 405.
fn layered(routes: Table, layer: impl FnOnce(&str) -> EdgeLayer) -> Table {
    let path = routes.1.paths.keys().next().cloned().unwrap_or_default();
    routes.map(|methods| methods.fallback(|| async { Error::MethodNotAllowed })).layer(layer(&path))
}

fn describe_tokens(api: &mut OpenApi) {
    let components = api.components.get_or_insert_default();
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.bearer_format = Some("JWT".to_owned());
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn the_description_is_the_one_that_is_checked_in() {
        let mut config = crate::config::Config::default();
        ":memory:".clone_into(&mut config.database.path);
        let app = crate::app::App::build(config).await.unwrap();
        let described = super::build(&app).1.to_pretty_json().unwrap() + "\n";
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let checked_in = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            described == checked_in,
            "the API changed: if that is meant, run `cargo run -p service -- openapi > service/openapi.json`"
        );
    }
}
