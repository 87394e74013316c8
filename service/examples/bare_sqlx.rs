//! The yardstick for what goes to PostgreSQL: one query of sqlx behind axum and nothing else. `GET` answers with a user's
//! newest tasks, `POST` stores one.
//!
//! ```text
//! cargo run --release --example bare_sqlx -- postgres://…/database USER_ID 127.0.0.1:0
//! ```

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
struct Task {
    id: Uuid,
    title: String,
    description: Option<String>,
    status: String,
    priority: String,
    due_at_us: Option<i64>,
    created_at_us: i64,
    updated_at_us: i64,
}

#[derive(Deserialize)]
struct NewTask {
    title: String,
}

type Shared = State<(PgPool, Uuid)>;

async fn list(State((pool, user)): Shared) -> Result<impl IntoResponse, (StatusCode, String)> {
    const SQL: &str = "SELECT id, title, description, status, priority, due_at_us, created_at_us, updated_at_us \
                       FROM tasks WHERE user_id = $1 ORDER BY created_at_us DESC, id DESC LIMIT 21";
    let tasks: Vec<Task> = sqlx::query_as(SQL).bind(user).fetch_all(&pool).await.map_err(failed)?;
    Ok(Json(tasks))
}

async fn store(
    State((pool, user)): Shared,
    Json(new): Json<NewTask>,
) -> Result<impl IntoResponse, (StatusCode, String)> {
    const SQL: &str = "INSERT INTO tasks (id, user_id, title, description, status, priority, due_at_us, created_at_us, \
                       updated_at_us) VALUES ($1, $2, $3, NULL, 'todo', 'medium', NULL, $4, $4)";
    let (id, now_us) = edge();
    sqlx::query(SQL)
        .bind(id)
        .bind(user)
        .bind(&new.title)
        .bind(now_us)
        .execute(&pool)
        .await
        .map_err(failed)?;
    let task = Task {
        id,
        title: new.title,
        description: None,
        status: "todo".to_owned(),
        priority: "medium".to_owned(),
        due_at_us: None,
        created_at_us: now_us,
        updated_at_us: now_us,
    };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(task)))
}

fn failed(error: sqlx::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads the clock where it needs it")]
fn edge() -> (Uuid, i64) {
    (Uuid::now_v7(), chrono::Utc::now().timestamp_micros())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(user), address) = (arguments.next(), arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: bare_sqlx POSTGRES_URL USER_ID [ADDRESS:PORT]");
    };
    let options = PgPoolOptions::new().min_connections(10).max_connections(20).test_before_acquire(false);
    let state = (options.connect(&url).await?, user.parse::<Uuid>()?);
    let listener = tokio::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("listening http://{}", listener.local_addr()?);
    let router = Router::new().route("/api/v1/tasks", get(list).post(store)).with_state(state);
    axum::serve(listener, router).await?;
    Ok(())
}
