//! `service seed`: made-up data, the same for the same seed, and live tokens for a load test.

mod accounts;
mod catalog;
mod people;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use uuid::Uuid;

use self::accounts::Accounts;
use crate::app::App;
use crate::auth::passwords;
use crate::cli::SeedOptions;
use crate::config::Config;
use crate::store::bulk::{self, Batch, Load};
use crate::store::{StoreError, Timestamp};

/// The domain of every seeded address.
const DOMAIN: &str = "seed.headroom.example";
/// The made-up past ends here, so that the same seed gives the same times: 2026-01-01.
const EPOCH_US: i64 = 1_767_225_600_000_000;
/// Rows that are handed over together, roughly.
const BATCH_ROWS: u32 = 20_000;

/// Fills the database.
///
/// # Errors
/// When there is data already and no leave to remove it, or when the database or the accounts file cannot be written.
pub async fn run(mut config: Config, options: &SeedOptions) -> anyhow::Result<()> {
    let path = config.database.name();
    // A large batch may take its time.
    config.database.statement_timeout_ms = 0;
    anyhow::ensure!(
        !config.database.in_memory(),
        "what is seeded into :memory: is gone at once; give --database FILE"
    );
    let app = App::build(config).await?;
    let mut accounts = options.accounts.as_deref().map(|file| Accounts::create(file, options)).transpose()?;
    if options.tokens_only {
        let accounts = accounts.as_mut().context("--tokens-only needs --accounts FILE")?;
        let users = renew(&app, accounts).await?;
        anyhow::ensure!(
            users > 0,
            "{path} has no seeded users; run `service seed` without --tokens-only first"
        );
        eprintln!("new tokens for {users} users");
    } else {
        if options.reset {
            bulk::clear(&app.store).await?;
        }
        let present = bulk::count_users(&app.store).await?;
        anyhow::ensure!(
            present == 0,
            "{path} holds {present} users already; --reset removes everything first, --tokens-only makes new tokens"
        );
        fill(&app, options, accounts.as_mut()).await?;
    }
    if let Some(accounts) = accounts {
        accounts.finish()?;
    }
    app.store.close().await;
    Ok(())
}

async fn fill(
    app: &Arc<App>,
    options: &SeedOptions,
    mut accounts: Option<&mut Accounts>,
) -> anyhow::Result<()> {
    let hash = passwords::hash_now(&options.password)?;
    let mut rng = ChaCha12Rng::seed_from_u64(options.seed);
    let favorites = options.favorites_per_user.min(options.products);
    let rows_per_user = 1 + options.tasks_per_user + favorites + if accounts.is_some() { 2 } else { 0 };
    let rows = 1 + u64::from(options.products) + u64::from(options.users) * u64::from(rows_per_user);

    let began = Instant::now();
    let mut load = Load::begin(&app.store, &hash);
    let bar = Bar::new(rows, &load);
    let mut product_ids: Vec<Uuid> = Vec::with_capacity(options.products as usize);
    for first in (0..options.products).step_by(BATCH_ROWS as usize) {
        let count = BATCH_ROWS.min(options.products - first);
        let products = catalog::products(&mut rng, first, count, options.products);
        product_ids.extend(products.iter().map(|product| product.id));
        load.add(Batch { products, ..Batch::default() }).await.map_err(told)?;
    }
    load.add(Batch { users: vec![people::admin(&mut rng)], ..Batch::default() }).await.map_err(told)?;
    let users_per_batch = (BATCH_ROWS / rows_per_user).max(1);
    for first in (0..options.users).step_by(users_per_batch as usize) {
        let count = users_per_batch.min(options.users - first);
        let mut batch = Batch::default();
        for number in first + 1..=first + count {
            let user = people::user(&mut rng, number);
            batch.tasks.extend(people::tasks(&mut rng, user.id, options.tasks_per_user));
            let favorites = people::favorites(&mut rng, user.id, &product_ids, options.favorites_per_user);
            batch.favorites.extend(favorites);
            if let Some(accounts) = accounts.as_deref_mut() {
                batch.sessions.push(accounts.add(app, user.id, &user.email)?);
            }
            batch.users.push(user);
        }
        load.add(batch).await.map_err(told)?;
    }
    load.finish().await.map_err(told)?;
    bulk::analyze(&app.store).await?;
    drop(bar);
    let took_s = began.elapsed().as_secs_f64();
    eprintln!(
        "seeded {} users with {} tasks each, {} products; every password is the one given by --password",
        options.users, options.tasks_per_user, options.products
    );
    eprintln!(
        "{rows} rows in {took_s:.1} s, indexes and statistics included: {:.0} rows/s",
        rows as f64 / took_s
    );
    Ok(())
}

/// What the database said, for whoever seeds.
fn told(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Taken => {
            anyhow::anyhow!("some of this data is there already; --reset removes everything first")
        }
        StoreError::Moved => anyhow::anyhow!(
            "users are being moved between the databases; try again when `service reshard` is done"
        ),
        other => other.into(),
    }
}

/// New tokens for the seeded users that are there; how many.
async fn renew(app: &Arc<App>, accounts: &mut Accounts) -> anyhow::Result<usize> {
    const USERS: i64 = 5000;
    let (mut after, mut done) = (String::new(), 0);
    loop {
        let users = bulk::users_of(&app.store, DOMAIN, &after, USERS).await?;
        let Some((_, last)) = users.last() else { return Ok(done) };
        after.clone_from(last);
        let mut batch = Batch::default();
        for (id, email) in &users {
            batch.sessions.push(accounts.add(app, *id, email)?);
        }
        bulk::insert(&app.store, batch, "").await.map_err(told)?;
        done += users.len();
    }
}

/// How far a load is, on the terminal; gone when dropped.
struct Bar {
    bar: ProgressBar,
    moving: AbortHandle,
}

impl Bar {
    fn new(rows: u64, load: &Load<'_>) -> Self {
        const EVERY: Duration = Duration::from_millis(100);
        let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} rows, {elapsed}{msg}");
        // Without a terminal on stderr nothing is drawn.
        let bar = ProgressBar::new(rows).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let (shown, stored) = (bar.clone(), load.stored());
        let moving = tokio::spawn(async move {
            loop {
                let stored = stored.load(Ordering::Relaxed);
                shown.set_position(stored);
                if stored >= rows {
                    shown.set_message(", making indexes and statistics");
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { bar, moving: moving.abort_handle() }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.moving.abort();
        self.bar.finish_and_clear();
    }
}

/// An id in the order of `at`, drawn from `rng`.
fn id_at(rng: &mut ChaCha12Rng, at: Timestamp) -> Uuid {
    use rand::RngExt as _;
    let random: [u8; 10] = rng.random();
    let millis = u64::try_from(at.0 / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

#[cfg(test)]
mod tests;
