//! Offset against cursor: what the first, the hundredth and the ten-thousandth page of a catalogue take, over PostgreSQL,
//! without a cache.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use harness::service::Site;
use reqwest::Client;
use serde_json::Value;

use crate::{
    table::show,
    usage::{cpu_so_far, run},
};

const PAGES: [u64; 3] = [1, 100, 10_000];
const LIMIT: u64 = 20;
/// A few pages more than the deepest.
const PRODUCTS: u32 = 200_200;
/// Cursors are followed to their depth in steps of the longest page.
const STEP: u64 = 100;
const REQUESTS: u32 = 200;
/// A way of asking takes no longer than this.
const MOST: Duration = Duration::from_secs(30);

/// Measures once and gives back a section of the document.
pub fn measure() -> Result<String> {
    let postgres = stack::Postgres::start()?;
    let url = postgres.create_database("depth")?;
    let site = Site::new()?
        .with("SERVICE_DATABASE_URL", &url)
        .with("SERVICE_AUTH_SECRET", "a secret of the benchmark, which nobody has to guess")
        .with("SERVICE_LIMITS_PROFILE", "off")
        .with("SERVICE_CACHE_POLICY", "off");
    let products = PRODUCTS.to_string();
    let mut seed =
        site.command(&["seed", "--users", "2", "--tasks-per-user", "1", "--products", &products])?;
    run(&mut seed, "service seed")?;
    postgres.query("depth", "ANALYZE products")?;
    let service = site.start_on(1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(async {
        let client = Client::builder().no_proxy().build()?;
        let cursors = cursors(&client, &service.url).await?;
        let mut rows = String::new();
        for (page, cursor) in PAGES.into_iter().zip(cursors) {
            let by_number = format!("{}/api/v1/products?limit={LIMIT}&page={page}", service.url);
            let by_cursor = format!("{}/api/v2/products?limit={LIMIT}{cursor}", service.url);
            for (way, url) in [("number", by_number), ("cursor", by_cursor)] {
                let seen = ask(&client, &url, service.process.id()).await?;
                eprintln!("page {page} by {way}: median {} ms", show(seen.median_ms));
                let _ = writeln!(
                    rows,
                    "| {page} | {way} | {} | **{}** | {} | {} |",
                    seen.requests,
                    show(seen.median_ms),
                    seen.p99_ms.map_or_else(|| "–".to_owned(), show),
                    show(seen.cpu_us)
                );
            }
        }
        Ok::<_, anyhow::Error>(rows)
    })?;
    Ok(format!(
        "\n## Depth of pages\n\n{PRODUCTS} products in PostgreSQL, pages of {LIMIT}, no cache, one request after the other; at most \
         {} s each. Cpu is the service's, without PostgreSQL's. A page by number comes with the total.\n\n\
         | page | by | requests | median ms | p99 ms | cpu µs |\n|---|---|---|---|---|---|\n{rows}",
        MOST.as_secs()
    ))
}

/// What to add to the query for each of [`PAGES`].
async fn cursors(client: &Client, service: &str) -> Result<Vec<String>> {
    let (mut cursors, mut cursor, mut passed) = (Vec::new(), String::new(), 0);
    for page in PAGES {
        let before = (page - 1) * LIMIT;
        while passed < before {
            let limit = STEP.min(before - passed);
            let url = format!("{service}/api/v2/products?limit={limit}{cursor}");
            let body: Value = client.get(url).send().await?.error_for_status()?.json().await?;
            cursor = format!("&cursor={}", body["nextCursor"].as_str().context("a next page")?);
            passed += limit;
        }
        cursors.push(cursor.clone());
    }
    Ok(cursors)
}

struct Seen {
    requests: usize,
    median_ms: f64,
    /// Not of fewer than a hundred.
    p99_ms: Option<f64>,
    cpu_us: f64,
}

async fn ask(client: &Client, url: &str, pid: u32) -> Result<Seen> {
    for _ in 0..3 {
        client.get(url).send().await?.error_for_status()?.bytes().await?;
    }
    let (started, before) = (Instant::now(), cpu_so_far(pid)?);
    let mut took_ms = Vec::new();
    for _ in 0..REQUESTS {
        let began = Instant::now();
        let body = client.get(url).send().await?.error_for_status()?.bytes().await?;
        anyhow::ensure!(body.len() > 1000, "{url} is no full page: {}", String::from_utf8_lossy(&body));
        took_ms.push(began.elapsed().as_secs_f64() * 1e3);
        if started.elapsed() > MOST {
            break;
        }
    }
    let used = cpu_so_far(pid)? - before;
    took_ms.sort_by(f64::total_cmp);
    let requests = took_ms.len();
    Ok(Seen {
        requests,
        median_ms: took_ms[requests / 2],
        p99_ms: (requests >= 100).then(|| took_ms[(requests * 99).div_ceil(100) - 1]),
        cpu_us: used.as_secs_f64() * 1e6 / requests as f64,
    })
}
