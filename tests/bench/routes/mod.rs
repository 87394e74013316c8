//! The service's routes over PostgreSQL, beside the least that could do the same: a bare axum handler, one sqlx query behind
//! axum, and Express with pg and ioredis.

mod load;
mod servers;

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context, Result};
use harness::service::Site;
use load::{Ask, cost_us, p99_us};
use servers::{Running, example, express, start};

use crate::{
    table::{Figures, show},
    usage::pin,
};

const SECRET: &str = "a secret of the benchmark, the same for all of its servers";
const USERS: u32 = 50;
const TASKS: &str = "/api/v1/tasks";

/// A server under one route.
struct Row {
    route: &'static str,
    server: &'static str,
    running: usize,
    ask: usize,
    cost_us: Figures,
    p99_us: Figures,
}

/// Routes, what is compared on each, and what is to be reached.
const ROUTES: [(&str, &str, &str, f64); 4] = [
    ("cached list", "service", "bare axum", 2.0),
    ("uncached list", "service, no cache", "bare sqlx", 1.5),
    ("cached list", "Express, ioredis", "service", 10.0),
    ("uncached list", "Express, pg", "service, no cache", 10.0),
];

/// Measures and gives back a section of the document.
pub fn measure(rounds: u32, each: Duration) -> Result<String> {
    let postgres = stack::Postgres::start()?;
    pin(load::CORE, postgres.daemon().pid().context("PostgreSQL runs")?)?;
    let redis = stack::Redis::start()?;
    let url = postgres.create_database("routes")?;
    let site = |policy: &str| {
        Ok::<_, anyhow::Error>(
            Site::new()?
                .with("SERVICE_DATABASE_URL", &url)
                .with("SERVICE_AUTH_SECRET", SECRET)
                .with("SERVICE_AUTH_ACCESS_TTL_S", "86400")
                .with("SERVICE_LIMITS_PROFILE", "off")
                .with("SERVICE_CACHE_POLICY", policy),
        )
    };
    let (cached, uncached) = (site("through")?, site("off")?);
    let accounts = fs::read_to_string(cached.seed(USERS, 20, 2_000)?)?;
    let (account, other) = (Account::nth(0, &accounts)?, Account::nth(1, &accounts)?);
    let of = |service: harness::service::Service| Running { url: service.url, process: service.process };
    let (cached, uncached) = (of(cached.start_on(servers::CORE)?), of(uncached.start_on(servers::CORE)?));

    let folder = tempfile::tempdir()?;
    let list = folder.path().join("list.json");
    fetch(&format!("{}{TASKS}", cached.url), &account.token, &list)?;
    let bare_axum = start(&example("bare_axum")?, |it| {
        it.arg(&list);
    })?;
    let bare_sqlx = start(&example("bare_sqlx")?, |it| {
        it.args([&url, &account.user_id]);
    })?;
    let mut running = vec![cached, uncached, bare_axum, bare_sqlx];
    let peer = express();
    if let Ok(script) = &peer {
        for cache in [redis.url(), String::new()] {
            running.push(start("node", |it| {
                it.arg(script).env("NODE_ENV", "production").env("PEER_SECRET", SECRET);
                it.env("PEER_DATABASE_URL", &url).env("PEER_REDIS_URL", cache);
            })?);
        }
    }
    let asks = asks(&other);
    let mut rows = rows(peer.is_ok());
    for round in 1..=rounds {
        for row in &mut rows {
            let (server, ask) = (&running[row.running], &asks[row.ask]);
            let what = || format!("{} of {}", row.route, row.server);
            let cost = cost_us(server.process.id(), &server.url, ask, &account.token, folder.path(), each)
                .with_context(what)?;
            let late = p99_us(&server.url, ask, &account.token, folder.path(), each).with_context(what)?;
            eprintln!("round {round} of {rounds}: {}: {} µs of cpu", what(), show(cost));
            row.cost_us.0.push(cost);
            row.p99_us.0.extend(late);
        }
    }
    let without = peer.err().map(|error| format!("\n{error}.\n")).unwrap_or_default();
    Ok(format!("{}{without}", section(&rows, &asks, rounds, each, fs::metadata(&list)?.len())))
}

/// Who logs in is somebody else than who asks: the eleventh login ends a user's oldest session.
fn asks(Account { email, password, .. }: &Account) -> Vec<Ask> {
    let task = r#"{"title": "Write a letter", "priority": "high"}"#.to_owned();
    let login = format!(r#"{{"email": "{email}", "password": "{password}"}}"#);
    vec![
        Ask { path: TASKS, body: None, rate: 200 },
        Ask { path: TASKS, body: Some(task), rate: 100 },
        Ask { path: "/api/v1/auth/login", body: Some(login), rate: 10 },
        Ask { path: "/api/v1/products?q=lamp&limit=20", body: None, rate: 100 },
    ]
}

fn rows(with_express: bool) -> Vec<Row> {
    let row = |route, server, running, ask| {
        let (cost_us, p99_us) = (Figures::default(), Figures::default());
        Row { route, server, running, ask, cost_us, p99_us }
    };
    let mut rows = vec![
        row("cached list", "service", 0, 0),
        row("cached list", "bare axum", 2, 0),
        row("uncached list", "service, no cache", 1, 0),
        row("uncached list", "bare sqlx", 3, 0),
    ];
    if with_express {
        rows.push(row("cached list", "Express, ioredis", 4, 0));
        rows.push(row("uncached list", "Express, pg", 5, 0));
    }
    // After the lists, which grow no longer then than a page.
    rows.push(row("task write", "service", 0, 1));
    rows.push(row("task write", "bare sqlx", 3, 1));
    if with_express {
        rows.push(row("task write", "Express, ioredis", 4, 1));
    }
    rows.push(row("login", "service", 0, 2));
    rows.push(row("search-like list", "service, no cache", 1, 3));
    rows
}

fn section(rows: &[Row], asks: &[Ask], rounds: u32, each: Duration, list_bytes: u64) -> String {
    let mut text = format!(
        "\n## Routes over PostgreSQL\n\nEach server alone on one core; wrk, loadgen and PostgreSQL on the other; {rounds} × {} s, \
         interleaved. Cpu is the server's own, kernel included, per request of wrk's 16 connections; p99 is from when a \
         request was due at a steady rate, by loadgen. The list has {list_bytes} bytes. The service verifies the token, and so \
         does Express; the bare servers do not.\n\n\
         | route | server | cpu: least µs | median µs | most µs | p99: rate/s | least µs | median µs | most µs |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        each.as_secs()
    );
    for row in rows {
        let (cost, late, rate) = (row.cost_us.cells(), row.p99_us.cells(), asks[row.ask].rate);
        let _ = writeln!(text, "| {} | {} | {cost} | {rate} | {late} |", row.route, row.server);
    }
    text.push('\n');
    let cost = |route: &str, server: &str| {
        rows.iter().find(|row| row.route == route && row.server == server)?.cost_us.median()
    };
    let write = [("task write", "Express, ioredis", "service", 10.0)];
    for (route, over, under, bound) in ROUTES.into_iter().chain(write) {
        if let (Some(one), Some(other)) = (cost(route, over), cost(route, under)) {
            let sign = if over.starts_with("Express") { "≥" } else { "≤" };
            let _ =
                writeln!(text, "- {route}: {over} ÷ {under} **{:.2}** (bound {sign} {bound})", one / other);
        }
    }
    text
}

/// A seeded account.
struct Account {
    email: String,
    password: String,
    token: String,
    user_id: String,
}

impl Account {
    fn nth(number: usize, accounts: &str) -> Result<Self> {
        let mut lines = accounts.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let (header, row) = (lines.next().context("a header")?, lines.nth(number).context("an account")?);
        let cell = |name: &str| {
            let at = header.iter().position(|it| *it == name).with_context(|| format!("a column {name}"))?;
            row.get(at).map(|cell| (*cell).to_owned()).context("a cell")
        };
        Ok(Self {
            email: cell("email")?,
            password: cell("password")?,
            token: cell("access_token")?,
            user_id: cell("user_id")?,
        })
    }
}

/// The databases stay away from the servers that are measured; children of `pid` inherit it.
fn fetch(url: &str, token: &str, into: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bytes = runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        client.get(url).bearer_auth(token).send().await?.error_for_status()?.bytes().await
    })?;
    fs::write(into, bytes)?;
    Ok(())
}
