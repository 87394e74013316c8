use record::{
    Verdict,
    unit::{show_count, show_ratio, show_us},
};
use serde::Serialize;

use super::{
    BudgetRow,
    tiles::{self, Tile},
};
use crate::{read::Evidence, words};

/// The answer: verdict, one sentence, six figures.
#[derive(Debug, Clone, Serialize)]
pub struct Headline {
    /// The verdict.
    pub verdict: Verdict,
    /// The exit code of `reports gate` for it.
    pub exit: u8,
    /// The verdict in a word: `passed`.
    pub word: &'static str,
    /// How it should look.
    pub tone: Tone,
    /// The verdict in one sentence.
    pub sentence: String,
    /// The figures behind it in a few.
    pub lead: String,
    /// Six figures.
    pub tiles: Vec<Tile>,
}

/// How a figure should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Wrong.
    Bad,
    /// Open.
    Warn,
    /// Neither.
    Plain,
}

/// A verdict in a word, and how it should look.
pub const fn word(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Pass => ("passed", Tone::Good),
        Verdict::Missed => ("missed", Tone::Bad),
        Verdict::Regression => ("regression", Tone::Bad),
        Verdict::Invalid => ("invalid", Tone::Warn),
        Verdict::NoData => ("no data", Tone::Warn),
        Verdict::Interrupted => ("interrupted", Tone::Warn),
    }
}

/// The answer.
pub fn headline(evidence: &Evidence, rows: &[BudgetRow]) -> Headline {
    let judgement = &evidence.judgement;
    let (word, tone) = word(judgement.verdict);
    Headline {
        verdict: judgement.verdict,
        exit: judgement.exit,
        word,
        tone,
        sentence: judgement.sentence.clone(),
        lead: lead(evidence),
        tiles: tiles::tiles(evidence, rows),
    }
}

fn lead(evidence: &Evidence) -> String {
    let (summary, run) = (&evidence.summary, &evidence.record.run);
    let mut text = format!(
        "{} answered and {} failed in the {} judged",
        words::counted(summary.completed, "request", "requests"),
        show_count(summary.failed as i64),
        words::length(summary.seconds as f64)
    );
    text += &match run.warm_up_s {
        0 => ", from the first second on.".to_owned(),
        warm_up => format!(", after a warm-up of {}.", words::length(warm_up as f64)),
    };
    if summary.dropped > 0 {
        let dropped = words::counted(summary.dropped, "arrival was", "arrivals were");
        text += &format!(" {dropped} dropped because every user was busy.");
    }
    text += &match summary.lag.p99_us {
        Some(lag) => format!(" 99 % of requests began within {} of their due time", show_us(lag as f64)),
        None if summary.lag.n > 0 => {
            format!(" The latest request began {} after its due time", show_us(summary.lag.max_us as f64))
        }
        None => " No request found a free user waiting, so nothing is known of start lag".to_owned(),
    };
    if run.host.cores > 0 {
        let used = summary.generator.cpu_cores / run.host.cores as f64;
        text += &format!("; the generator used {} of its cores", show_ratio(used));
    }
    text + "."
}
