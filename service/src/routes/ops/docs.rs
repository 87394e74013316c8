//! `/openapi.json` and, with the feature `docs`, Swagger UI at `/docs`.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::middleware::EdgeLayer;
use crate::middleware::limits::Class;
use crate::out::{self, Wants};

/// The routes that describe the API.
pub fn routes(app: &Arc<App>, api: &OpenApi) -> Router {
    // The description is made of strings, maps and lists, which always serialise.
    let json: Arc<str> = api.to_json().unwrap_or_default().into();
    let description = get(move |wants: Wants| {
        let json = Arc::clone(&json);
        async move { out::text("application/json", json.to_string(), &wants) }
    });
    let router = Router::new()
        .route("/openapi.json", description.layer(EdgeLayer::limited(app, "/openapi.json", Class::General)));
    #[cfg(feature = "docs")]
    let router = router.merge(swagger(app));
    router
}

#[cfg(feature = "docs")]
fn swagger(app: &Arc<App>) -> Router {
    use utoipa_swagger_ui::{Config, SwaggerUi};
    let ui: Router = SwaggerUi::new("/docs").config(Config::from("/openapi.json")).into();
    ui.layer(EdgeLayer::pages(app, "/docs"))
}
