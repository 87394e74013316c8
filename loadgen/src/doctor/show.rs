//! What a person sees: a line for each behaviour as it is measured, and what it comes to.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::Path,
};

use crossterm::style::Stylize as _;
use record::{
    Host, Latency,
    unit::{show_count, show_number, show_us},
};

use super::{
    certificate::{Certificate, Measured, Outcome, Overhead, Point},
    judge::percentile,
};
use crate::{outputs, screen, stop::Stop};

/// Where the four percentiles begin, with and without the line that says what a behaviour is.
const WIDE: usize = 50;
const NARROW: usize = 15;
/// Columns of a percentile.
const CELL: usize = 9;

/// How the doctor speaks: its results on standard output, or on stderr when that is the certificate's; what it is doing
/// on stderr.
#[derive(Debug)]
pub struct Voice {
    quiet: bool,
    json: bool,
    colour: bool,
    live: bool,
    wide: bool,
}

impl Voice {
    /// `json`: standard output belongs to the certificate. `quiet`: say nothing but errors.
    pub fn new(quiet: bool, json: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let shown = json || io::stdout().is_terminal();
        let columns = crossterm::terminal::size().ok().filter(|_| terminal);
        let wide = columns.is_none_or(|(columns, _)| usize::from(columns) > WIDE + 5 * CELL);
        Self { quiet, json, colour: screen::colour() && shown, live: screen::can_draw(), wide }
    }

    /// Says what is being done, for `seconds` or so.
    pub fn doing(&self, what: &str, seconds: f64) {
        if self.quiet {
            return;
        }
        let text = format!("… {what}, {} s", show_number(seconds.ceil()));
        // A line that the next one replaces, where there is somebody to see it.
        let line = if self.live { format!("\r\x1b[2K{text}") } else { text + "\n" };
        let _ = io::stderr().write_all(line.as_bytes());
    }

    /// Says a result.
    pub fn say(&self, text: &str) -> Result<(), Stop> {
        if self.quiet {
            return Ok(());
        }
        if self.live {
            let _ = io::stderr().write_all(b"\r\x1b[2K");
        }
        if self.json {
            let _ = io::stderr().write_all(text.as_bytes());
            return Ok(());
        }
        outputs::print(text)
    }

    /// The heading of the table.
    pub fn heading(&self, machine: &Host) -> String {
        let width = self.column() - 3;
        let mut line = format!("   {:<width$}{:>7}", "behaviour", "n");
        ["p50", "p90", "p99", "p99.9"].iter().for_each(|name| line.push_str(&format!("{name:>CELL$}")));
        let Host { cpu, cores, kernel, .. } = machine;
        format!(
            "Real runs against a server that does what it is told, on {cpu}, {cores} cores, {kernel}.\n\
             How far each percentile of the response time is off the truth, as a share of it:\n\n{}\n",
            self.dim(&line)
        )
    }

    /// A behaviour's line, a second one for its resets, and what stands against it.
    pub fn row(&self, measured: &Measured) -> String {
        let about = if self.wide { measured.about.as_str() } else { "" };
        let named = format!("{:<12}{about}", measured.name);
        let mut text = self.line(self.mark(measured.outcome), &named, measured.n, &measured.points);
        if !measured.failures.is_empty() {
            text.push_str(&self.line(" ".to_owned(), "  the resets", measured.failed, &measured.failures));
        }
        for why in &measured.why {
            text.push_str(&format!("     {why}\n"));
        }
        text
    }

    fn line(&self, mark: String, named: &str, n: u64, points: &[Point]) -> String {
        let width = self.column() - 3;
        let mut line = format!(" {mark} {named:<width$}{:>7}", show_count(n as i64));
        for quantile in [0.5, 0.9, 0.99, 0.999] {
            let point = points.iter().find(|point| point.quantile == quantile);
            let cell = point.map_or_else(|| "–".to_owned(), |point| signed(point.error_ratio));
            let padded = format!("{cell:>CELL$}");
            let beyond = point.is_some_and(|point| !point.within());
            line.push_str(&if beyond && self.colour { padded.red().to_string() } else { padded });
        }
        line + "\n"
    }

    const fn column(&self) -> usize {
        if self.wide { WIDE } else { NARROW }
    }

    fn mark(&self, outcome: Outcome) -> String {
        let mark = match outcome {
            Outcome::Straight => "✔",
            Outcome::Bent => "✘",
            Outcome::Disturbed => "?",
        };
        match outcome {
            _ if !self.colour => mark.to_owned(),
            Outcome::Straight => mark.green().to_string(),
            Outcome::Bent | Outcome::Disturbed => mark.red().to_string(),
        }
    }

    fn dim(&self, text: &str) -> String {
        if self.colour { text.dim().to_string() } else { text.to_owned() }
    }

    /// What it all comes to.
    pub fn closing(&self, certificate: &Certificate, written: &[&Path]) -> String {
        let mut text = String::from("\n");
        if !certificate.behaviours.is_empty() {
            text.push_str(&format!(" {} {}\n", self.mark(certificate.outcome), certificate.sentence));
        }
        let mut labelled = |label: &str, rest: String| {
            text.push_str(&format!("   {} {rest}\n", self.dim(&format!("{label:<11}"))));
        };
        if let Some((measured, point)) = certificate.worst() {
            labelled("worst", worst(measured, &point));
        }
        if let Some(kept) = schedule(&certificate.behaviours) {
            labelled("schedule", kept);
        }
        if let Some(overhead) = &certificate.overhead {
            labelled("overhead", self::overhead(overhead));
        }
        if let Some(rate) = &certificate.rate {
            let why = rate.limited_by.as_ref().map_or("the highest rate tried", String::as_str);
            labelled("rate", format!("{} requests/s, target on the same machine; {why}", count(rate.per_s)));
        }
        if let Some(users) = &certificate.users {
            labelled(
                "users",
                format!(
                    "{} in one process: open files allow {}, ports to one address {}, memory {} ({} KB each)",
                    show_count(users.users as i64),
                    show_count(users.by_files as i64),
                    show_count(users.by_ports as i64),
                    show_count(users.by_memory as i64),
                    show_number(users.bytes_per_user / 1024.0),
                ),
            );
        }
        for path in written {
            labelled("certificate", path.display().to_string());
        }
        text
    }
}

fn worst(measured: &Measured, point: &Point) -> String {
    format!(
        "{} at {}: {} reported, {} true",
        measured.name,
        percentile(point.quantile),
        show_us(point.reported_us),
        show_us(point.truth_us),
    )
}

fn schedule(behaviours: &[Measured]) -> Option<String> {
    let timings: Vec<_> = behaviours.iter().filter_map(|measured| measured.timing.as_ref()).collect();
    let drift = timings.iter().map(|timing| timing.drift_ratio.abs()).max_by(f64::total_cmp)?;
    let sum = |part: fn(&super::certificate::Timing) -> u64| timings.iter().map(|it| part(it)).sum::<u64>();
    let lags = || behaviours.iter().map(|measured| &measured.lag);
    let median = lags().filter_map(|lag| lag.p50_us).max()?;
    let p99 = lags().filter_map(|lag| lag.p99_us).max();
    let most = lags().map(|lag| lag.max_us).max()?;
    Some(format!(
        "{} of {} requests offered, drift at most {} %; start lag at most {} (p50), {} (p99), {} (worst)",
        show_count(sum(|timing| timing.offered) as i64),
        show_count(sum(|timing| timing.planned) as i64),
        show_number(drift * 100.0),
        show_us(median as f64),
        p99.map_or_else(|| "–".to_owned(), |us| show_us(us as f64)),
        show_us(most as f64),
    ))
}

fn overhead(overhead: &Overhead) -> String {
    let of = |latency: &Latency| {
        let shown = |us: Option<u64>| us.map_or_else(|| "–".to_owned(), |us| show_us(us as f64));
        format!("{} (p50), {} (p99)", shown(latency.p50_us), shown(latency.p99_us))
    };
    format!(
        "an answer that takes no time is reported as {}; a plain client sees {}",
        of(&overhead.loadgen),
        of(&overhead.plain)
    )
}

fn count(number: f64) -> String {
    show_count(number as i64)
}

/// `+0.12 %`, `−0.03 %`.
fn signed(ratio: f64) -> String {
    let sign = if ratio < 0.0 { '−' } else { '+' };
    format!("{sign}{:.2} %", ratio.abs() * 100.0)
}
