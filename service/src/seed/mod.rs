//! `service seed`: made-up data, the same for the same seed, and live tokens for a load test.

mod accounts;
mod catalog;
mod lanes;
mod people;

use std::sync::Arc;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng as _;
use rand::rngs::ChaCha12Rng;
use uuid::Uuid;

use self::accounts::Accounts;
use self::lanes::Lanes;
use crate::app::App;
use crate::auth::passwords;
use crate::cli::SeedOptions;
use crate::config::Config;
use crate::store::Timestamp;
use crate::store::bulk::{self, Batch};

/// The domain of every seeded address.
const DOMAIN: &str = "seed.headroom.example";
/// The made-up past ends here, so that the same seed gives the same times: 2026-01-01.
const EPOCH_US: i64 = 1_767_225_600_000_000;
/// Rows per transaction, roughly.
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
    let rows_per_user = 1 + options.tasks_per_user + options.favorites_per_user;
    let bar = bar(u64::from(options.products) + u64::from(options.users) * u64::from(rows_per_user));

    let mut lanes = Lanes::new(app, hash, bar.clone());
    let mut product_ids: Vec<Uuid> = Vec::with_capacity(options.products as usize);
    for first in (0..options.products).step_by(BATCH_ROWS as usize) {
        let count = BATCH_ROWS.min(options.products - first);
        let products = catalog::products(&mut rng, first, count, options.products);
        product_ids.extend(products.iter().map(|product| product.id));
        lanes.store(Batch { products, ..Batch::default() }, count).await?;
    }
    lanes.store(Batch { users: vec![people::admin(&mut rng)], ..Batch::default() }, 0).await?;
    // Favourites refer to products.
    lanes.finish().await?;

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
        lanes.store(batch, count * rows_per_user).await?;
    }
    lanes.finish().await?;
    bulk::analyze(&app.store).await?;
    bar.finish_and_clear();
    eprintln!(
        "seeded {} users with {} tasks each, {} products; every password is the one given by --password",
        options.users, options.tasks_per_user, options.products
    );
    Ok(())
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
        lanes::store(app, &batch, "").await?;
        done += users.len();
    }
}

fn bar(rows: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} rows, {per_sec}, {eta} left");
    let bar = ProgressBar::new(rows);
    // Without a terminal on stderr nothing is drawn.
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
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
