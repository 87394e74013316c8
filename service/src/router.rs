//! The whole route table.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler as _;
use axum::http::HeaderValue;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::app::App;
use crate::config::Role;
use crate::describe;
use crate::error::Error;
use crate::middleware::EdgeLayer;
use crate::middleware::limits::Class;
use crate::routes::{
    admin, auth, events, favorites, files, jobs, notifications, ops, products, recommendations, tasks, users,
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

/// The routes of each role: every operation belongs to exactly one, and background work has none.
const TABLE: [(Role, AddRows); 5] = [
    (Role::Auth, accounts),
    (Role::Users, people),
    (Role::Tasks, todo),
    (Role::Catalog, catalogue),
    (Role::Notifications, notices),
];

fn accounts(rows: &Rows<'_>, table: Table) -> Table {
    table
        .routes(rows.limited(Class::Auth, routes!(auth::register::post)))
        .routes(rows.limited(Class::Auth, routes!(auth::login::post)))
        .routes(rows.limited(Class::Auth, routes!(auth::refresh::post)))
        .routes(rows.limited(Class::Auth, routes!(auth::logout::post)))
        .routes(rows.limited(Class::Auth, routes!(auth::logout_all::post)))
        .routes(rows.limited(Class::Auth, routes!(auth::password_reset::post)))
        .routes(rows.limited(Class::Auth, routes!(auth::password_reset::confirm)))
        .routes(rows.limited(Class::General, routes!(auth::sessions::get)))
        .routes(rows.limited(Class::General, routes!(auth::sessions::delete)))
        .routes(rows.limited(Class::General, routes!(auth::api_keys::get, auth::api_keys::post)))
        .routes(rows.limited(Class::General, routes!(auth::api_keys::delete)))
}

fn people(rows: &Rows<'_>, table: Table) -> Table {
    table
        .routes(rows.limited(Class::General, routes!(users::me::get, users::me::patch, users::me::delete)))
        .routes(rows.limited(Class::General, routes!(users::preferences::get, users::preferences::put)))
        .routes(rows.limited(Class::Listing, routes!(admin::users::get)))
        .routes(rows.limited(Class::General, routes!(admin::role::patch)))
}

fn todo(rows: &Rows<'_>, table: Table) -> Table {
    table
        .routes(rows.limited(Class::Listing, routes!(tasks::list::get, tasks::create::post)))
        .routes(rows.limited(Class::General, routes!(tasks::batch::post)))
        .routes(rows.limited(Class::General, routes!(tasks::stats::get)))
        .routes(
            rows.limited(
                Class::General,
                routes!(tasks::get::get, tasks::update::patch, tasks::delete::delete),
            ),
        )
        .routes(rows.limited(Class::General, routes!(tasks::export::post)))
        .routes(rows.limited(Class::General, routes!(jobs::get::get)))
        .routes(rows.limited(Class::General, routes!(files::get::get)))
}

fn catalogue(rows: &Rows<'_>, table: Table) -> Table {
    table
        .routes(rows.limited(Class::Listing, routes!(products::list::get, products::create::post)))
        .routes(rows.limited(
            Class::General,
            routes!(products::get::get, products::update::patch, products::delete::delete),
        ))
        .routes(rows.limited(Class::Listing, routes!(products::list_v2::get)))
        .routes(rows.limited(Class::Favorites, routes!(favorites::list::get)))
        .routes(rows.limited(Class::Favorites, routes!(favorites::put::put, favorites::delete::delete)))
        .routes(rows.limited(Class::Listing, routes!(recommendations::list::get)))
        .routes(rows.limited(Class::General, routes!(events::create::post)))
        .routes(rows.limited(Class::General, routes!(admin::analytics::funnel::get)))
        .routes(rows.limited(Class::General, routes!(admin::analytics::top_searches::get)))
}

fn notices(rows: &Rows<'_>, table: Table) -> Table {
    table
        .routes(rows.limited(Class::General, routes!(notifications::list::get)))
        .routes(rows.limited(Class::General, routes!(notifications::read::post)))
}

/// In every role.
fn operations(rows: &Rows<'_>, table: Table) -> Table {
    table
        .routes(rows.exempt(routes!(ops::health::get)))
        .routes(rows.exempt(routes!(ops::livez::get)))
        .routes(rows.exempt(routes!(ops::readyz::get)))
        .routes(rows.exempt(routes!(ops::metrics::get)))
}

/// The routes of this process's roles with the middleware around each, and their description.
pub fn build(app: &Arc<App>) -> (Router, OpenApi) {
    let rows = Rows(app);
    let mut table = operations(&rows, OpenApiRouter::with_openapi(Api::openapi()));
    for (role, add) in TABLE {
        if app.config.serve.roles.has(role) {
            table = add(&rows, table);
        }
    }
    let (router, mut api) = table.split_for_parts();
    describe::complete(&mut api);

    let router = router.with_state(Arc::clone(app));
    let router = router.merge(ops::docs::routes(app, &api));
    let nothing =
        (|| async { Error::NotFound("path") }).layer(EdgeLayer::limited(app, "(unmatched)", Class::General));
    (router.fallback_service(nothing.with_state(())), api)
}

type Table = OpenApiRouter<Arc<App>>;
type AddRows = fn(&Rows<'_>, Table) -> Table;
type Row = UtoipaMethodRouter<Arc<App>>;

/// Puts the middleware around the rows of the table.
struct Rows<'a>(&'a Arc<App>);

impl Rows<'_> {
    fn limited(&self, class: Class, row: Row) -> Row {
        layered(row, |path| EdgeLayer::limited(self.0, path, class))
    }

    fn exempt(&self, row: Row) -> Row {
        layered(row, |path| EdgeLayer::exempt(self.0, path))
    }
}

/// Puts the layer for its path around a row; another method on that path is 405.
fn layered(mut row: Row, layer: impl FnOnce(&str) -> EdgeLayer) -> Row {
    let path = row.1.paths.keys().next().cloned().unwrap_or_default();
    let allow = row.1.paths.values_mut().next().map_or_else(String::new, describe::allowed);
    let allow = HeaderValue::from_str(&allow).unwrap_or(HeaderValue::from_static(""));
    let refuse = move || std::future::ready(Error::MethodNotAllowed(allow.clone()));
    row.map(|methods| methods.fallback(refuse)).layer(layer(&path))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Roles};

    async fn description(roles: Roles) -> OpenApi {
        let mut config = Config::default();
        crate::config::IN_MEMORY.clone_into(&mut config.database.path);
        config.serve.roles = roles;
        super::build(&App::build(config).await.unwrap()).1
    }

    /// Every operation that is not there in every role.
    fn names(mut api: OpenApi) -> Vec<String> {
        let operations = api.paths.paths.values_mut().flat_map(describe::operations);
        let operations = operations.filter(|(_, op)| op.tags.as_deref() != Some(&["operations".to_owned()]));
        operations.map(|(_, op)| op.operation_id.clone().unwrap()).collect()
    }

    #[tokio::test]
    async fn the_description_is_the_one_that_is_checked_in() {
        let described = description(Roles::default()).await.to_pretty_json().unwrap() + "\n";
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let checked_in = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            described == checked_in,
            "the API changed: if that is meant, run `cargo run -p service -- openapi > service/openapi.json`"
        );
    }

    #[tokio::test]
    async fn every_operation_belongs_to_exactly_one_role() {
        let mut owners: BTreeMap<String, Vec<Role>> = BTreeMap::new();
        for role in Role::ALL {
            for name in names(description(Roles::only(role)).await) {
                owners.entry(name).or_default().push(role);
            }
        }
        let all = names(description(Roles::default()).await);
        assert!(all.len() > 30, "{all:?}");
        for name in &all {
            assert_eq!(owners.get(name).map_or(0, Vec::len), 1, "{name}: {:?}", owners.get(name));
        }
        assert_eq!(owners.len(), all.len());
    }
}
