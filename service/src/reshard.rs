//! `service reshard`: moves buckets of users from one database to another while the service runs.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::BAD_CONFIGURATION;
use crate::cli::ReshardOptions;
use crate::config::Config;
use crate::store::Store;
use crate::store::shards::bucket::Bucket;
use crate::store::shards::moving::{Moved, Mover, Outcome};
use crate::store::shards::plan::{self, Step};
use crate::telemetry::metrics::Metrics;

/// Moves that are announced together: those of a batch wait for the announcement once.
const ANNOUNCED_TOGETHER: usize = 64;

/// Does what the options ask for.
///
/// # Errors
/// When a database does not answer, or a move did not come to its end.
pub async fn run(config: Config, options: &ReshardOptions) -> anyhow::Result<ExitCode> {
    let shards = u16::try_from(config.database.shards.len())?;
    if shards == 0 {
        return Ok(unusable("there are no shards: database.shards is empty"));
    }
    for (option, shard) in [("--to", options.to), ("--split", options.split)] {
        if let Some(shard) = shard
            && shard >= shards
        {
            return Ok(unusable(&format!(
                "{option} {shard}: database.shards names {shards}, which are 0 to {}",
                shards - 1
            )));
        }
    }
    let store = Store::open(&config.database, &Metrics::default()).await?;
    store.ensure_migrated().await?;
    let Some(sharding) = store.sharding() else {
        return Ok(unusable("shards need PostgreSQL: give database.url, where the directory is"));
    };
    let mut mover = sharding.mover().await?;
    let outcome = act(&mut mover, options, shards).await;
    store.close().await;
    outcome
}

async fn act(mover: &mut Mover, options: &ReshardOptions, shards: u16) -> anyhow::Result<ExitCode> {
    let places = mover.places().await?;
    // A bucket that is named twice moves once.
    let buckets: BTreeSet<u16> = options.bucket.iter().copied().collect();
    let buckets: Vec<Bucket> = buckets.into_iter().filter_map(Bucket::new).collect();
    if options.cancel {
        let which: Vec<Bucket> = match buckets.as_slice() {
            [] => Bucket::all().filter(|bucket| places[bucket.index()].moving).collect(),
            given => given.to_vec(),
        };
        let count = mover.cancel(which.into_iter()).await?;
        match count {
            0 => eprintln!("no move was cut off; nothing was changed"),
            _ => eprintln!(
                "{} finished or undone; all data are whole",
                counted(count, "move that was cut off", "moves that were cut off")
            ),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let steps = match (options.to, options.split, options.even) {
        (_, _, true) => plan::even(&places, shards),
        (Some(to), Some(from), _) if from == to => {
            return Ok(unusable("--split and --to name the same shard"));
        }
        (Some(to), Some(from), _) => plan::split(&places, from, to),
        (Some(to), None, _) => {
            buckets.iter().map(|b| Step { bucket: *b, from: places[b.index()].shard, to }).collect()
        }
        _ => {
            status(mover, shards).await?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if options.dry_run {
        let moves = steps.iter().filter(|step| step.from != step.to);
        for step in moves.clone() {
            println!("bucket {} from shard {} to shard {}", step.bucket, step.from, step.to);
        }
        eprintln!("{} would move; nothing was changed", counted(moves.count(), "bucket", "buckets"));
        return Ok(ExitCode::SUCCESS);
    }
    carry_out(mover, &steps).await
}

async fn carry_out(mover: &mut Mover, steps: &[Step]) -> anyhow::Result<ExitCode> {
    let bar = bar(steps.len());
    let (mut moved, mut there, mut total) = (0, 0, Moved::default());
    for batch in steps.chunks(ANNOUNCED_TOGETHER) {
        let leaves = mover.announce(batch.iter().map(|step| (step.bucket, step.to))).await?;
        for (at, step) in batch.iter().enumerate() {
            let outcome = tokio::select! {
                outcome = mover.shift(step.bucket, step.to, leaves) => Some(outcome),
                _ = tokio::signal::ctrl_c() => None,
            };
            let bucket = step.bucket;
            match outcome {
                Some(Ok(Outcome::Moved(m))) => {
                    moved += 1;
                    total.users += m.users;
                    total.rows += m.rows;
                    total.changed += m.changed;
                    total.closed = total.closed.max(m.closed);
                    say(&bar, &format!("bucket {bucket} is on shard {} now: {}", step.to, told(&m)));
                }
                Some(Ok(Outcome::There { finished })) => {
                    there += 1;
                    let how = if finished { "an earlier move was completed" } else { "it was there already" };
                    say(&bar, &format!("bucket {bucket} is on shard {}: {how}", step.to));
                }
                interrupted_or_failed => {
                    bar.finish_and_clear();
                    let left = batch[at..].iter().map(|step| step.bucket);
                    mover.cancel(left).await?;
                    return match interrupted_or_failed {
                        Some(Err(error)) => Err(error),
                        _ => anyhow::bail!(
                            "stopped after {moved} of {} buckets; the one under way did not move. Run it again to go on",
                            steps.len()
                        ),
                    };
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let already = if there > 0 { format!("; {there} already there") } else { String::new() };
    let in_all = if moved > 0 { format!("; in all {}", told(&total)) } else { String::new() };
    eprintln!("{} moved{already}{in_all}", counted(moved, "bucket", "buckets"));
    Ok(ExitCode::SUCCESS)
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn told(moved: &Moved) -> String {
    format!(
        "{}, {} rows verified, {} copied again; writers waited {:.0} ms at most",
        counted(moved.users, "user", "users"),
        moved.rows,
        counted(moved.changed, "user", "users"),
        moved.closed.as_secs_f64() * 1000.0
    )
}

async fn status(mover: &mut Mover, shards: u16) -> anyhow::Result<()> {
    let places = mover.places().await?;
    println!(
        "{:>5} {:>8} {:>8} {:>9} {:>12} {:>14}",
        "shard", "buckets", "leaving", "arriving", "users", "tasks"
    );
    for (number, held) in mover.numbers().await?.iter().enumerate() {
        println!(
            "{number:>5} {:>8} {:>8} {:>9} {:>12} {:>14}",
            held.buckets, held.leaving, held.arriving, held.users, held.tasks
        );
    }
    let moving: Vec<String> =
        Bucket::all().filter(|b| places[b.index()].moving).map(|b| b.to_string()).collect();
    if !moving.is_empty() {
        eprintln!(
            "announced: {}; if no `service reshard` is at work, `service reshard --cancel` finishes or undoes them",
            moving.join(", ")
        );
    }
    let uneven = plan::even(&places, shards).len();
    if uneven > 0 {
        eprintln!("`service reshard --even` would move {}", counted(uneven, "bucket", "buckets"));
    }
    Ok(())
}

fn unusable(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(BAD_CONFIGURATION)
}

fn bar(buckets: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} buckets, {elapsed} so far, {eta} left");
    let bar = ProgressBar::new(buckets as u64);
    bar.enable_steady_tick(Duration::from_millis(200));
    // Without a terminal on stderr nothing is drawn.
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A line above the bar, or, where no bar is drawn, a line.
fn say(bar: &ProgressBar, line: &str) {
    if std::io::stderr().is_terminal() {
        bar.println(line);
    } else {
        eprintln!("{line}");
    }
}
