//! The yardstick for the cached task list: axum and nothing else, answering every GET with the bytes of a file.
//!
//! ```text
//! curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/api/v1/tasks > tasks.json
//! cargo run --release --example bare_axum -- tasks.json 127.0.0.1:0
//! ```

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use bytes::Bytes;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), address) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: bare_axum FILE [ADDRESS:PORT]");
    };
    let body = Bytes::from(std::fs::read(file)?);
    let answer = get(move || async move {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body)
    });
    let listener = tokio::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("listening http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/{*path}", answer)).await?;
    Ok(())
}
