use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::app::App;
use crate::auth::User;
use crate::cache::keys;
use crate::clock;
use crate::error::Error;
use crate::out::{self, Audience, Wants};
use crate::store::Timestamp;
use crate::store::tasks::{self, Stats};

/// How many tasks the user has, by status. `overdue` may be a minute old.
#[utoipa::path(get, path = "/api/v1/tasks/stats", tag = "tasks", operation_id = "taskStats",
    security(("token" = []), ("key" = [])),
    responses(
        (status = 200, description = "The figures", body = Stats),
        (status = 401, description = "No valid token", body = crate::error::Problem)))]
pub async fn get(State(app): State<Arc<App>>, User(me): User, wants: Wants) -> Result<Response, Error> {
    let key = keys::stats(me.user_id);
    let load = async { Ok(tasks::stats(&app.store, me.user_id, Timestamp(clock::now_us())).await?) };
    let (page, outcome) = app.cache.read(key, load).await?;
    Ok(out::page(&page, outcome, &wants, Audience::Private))
}
