//! `service explain`: how the database means to answer each question, and whether one that requests ask would read a
//! whole table.

use std::fmt::Write as _;

use crate::config::Config;
use crate::store::plans::{self, Plan};
use crate::store::{Store, bulk};
use crate::telemetry::metrics::Metrics;

/// The plans as text, and whether all of them are good.
///
/// # Errors
/// When the database does not answer or is not up to date.
pub async fn run(config: &Config, only_bad: bool) -> anyhow::Result<(String, bool)> {
    let store = Store::open(&config.database, &Metrics::default()).await?;
    store.ensure_migrated().await?;
    if bulk::count_users(&store).await? == 0 {
        eprintln!(
            "note: {} has no users; plans on real data may differ: run `service seed` first",
            config.database.name()
        );
    }
    let (mut text, mut bad, mut count) = (String::new(), 0, 0);
    for db in store.databases() {
        for plan in plans::all(db).await? {
            count += 1;
            bad += usize::from(plan.is_bad());
            if plan.is_bad() || !only_bad {
                show(&plan, &mut text);
            }
        }
    }
    store.close().await;
    let verdict = match bad {
        0 => format!("{count} questions: none that requests ask reads a whole table"),
        _ => format!("{bad} of {count} questions that requests ask would read a whole table"),
    };
    text.push_str(&verdict);
    Ok((text, bad == 0))
}

fn show(plan: &Plan, text: &mut String) {
    let verdict = match (plan.scanned.is_empty(), plan.question.hot) {
        (true, _) => "ok".to_owned(),
        (false, true) => format!("READS ALL OF {}", plan.scanned.join(", ")),
        (false, false) => format!("reads all of {}, and may", plan.scanned.join(", ")),
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{} ({verdict})", plan.question.name);
    if plan.steps.is_empty() {
        let _ = writeln!(text, "    nothing is looked up");
    }
    for step in &plan.steps {
        let _ = writeln!(text, "    {step}");
    }
    text.push('\n');
}
