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
    /// Columns that sentences may take.
    room: usize,
}

impl Voice {
    /// `json`: standard output belongs to the certificate. `quiet`: say nothing but errors.
    pub fn new(quiet: bool, json: bool) -> Self {
        let terminal = io::stderr().is_terminal();
        let shown = json || io::stdout().is_terminal();
        let columns = crossterm::terminal::size().ok().filter(|_| terminal);
        let room = columns.map_or(usize::MAX, |(columns, _)| usize::from(columns).max(40));
        let wide = room > WIDE + 5 * CELL;
        Self { quiet, json, colour: screen::colour() && shown, live: screen::can_draw(), wide, room }
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
            text.push_str(&self.indented("", 5, why));
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
            let mark = format!(" {} ", self.mark(certificate.outcome));
            text.push_str(&self.indented(&mark, 3, &certificate.sentence));
        }
        let mut labelled = |label: &str, rest: String| {
            text.push_str(&self.indented(&format!("   {} ", self.dim(&format!("{label:<11}"))), 15, &rest));
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
            // Never broken: it is there to be copied.
            text.push_str(&format!("   {} {}\n", self.dim("certificate"), path.display()));
        }
        text
    }

    /// `text` broken at the width of the terminal, each line behind `indent` blanks, the first behind `label` instead.
    fn indented(&self, label: &str, indent: usize, text: &str) -> String {
        let blanks = " ".repeat(indent);
        let lines = screen::wrap(text, self.room.saturating_sub(indent));
        let before = |index: usize| if index == 0 && !label.is_empty() { label } else { blanks.as_str() };
        lines.iter().enumerate().map(|(index, line)| format!("{}{line}\n", before(index))).collect()
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

/// `+0.12 %`, `−0.03 %`, `+204 %`.
fn signed(ratio: f64) -> String {
    let sign = if ratio < 0.0 { '−' } else { '+' };
    let digits = if ratio.abs() < 0.995 { 2 } else { 0 };
    format!("{sign}{:.digits$} %", ratio.abs() * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::certificate::{RateCeiling, Timing, UserCeiling};

    fn voice(room: usize) -> Voice {
        let wide = room > WIDE + 5 * CELL;
        Voice { quiet: false, json: false, colour: false, live: false, wide, room }
    }

    fn measured(outcome: Outcome) -> Measured {
        let point = |quantile, error_us: f64, truth_us: f64| Point {
            quantile,
            computed_us: truth_us - 120.0,
            truth_us,
            seen_us: truth_us - 50.0,
            reported_us: truth_us + error_us,
            error_us,
            error_ratio: error_us / truth_us,
            bound_us: truth_us / 100.0,
        };
        let latency =
            |n| Latency { n, p50_us: Some(70), p99_us: Some(240), max_us: 1_900, ..Latency::default() };
        Measured {
            name: "resets".into(),
            about: "60 ms, 10 % reset after 30 ms".into(),
            outcome,
            why: match outcome {
                Outcome::Straight => Vec::new(),
                _ => vec![
                    "p99.9: a plain client beside it was held up as well, and the sentence is long".into(),
                ],
            },
            attempts: 1,
            seed: 1,
            n: 3_984,
            failed: 474,
            points: vec![
                point(0.5, 31.0, 60_120.0),
                point(0.9, -44.0, 60_120.0),
                point(0.99, 190.0, 60_120.0),
                point(0.999, if outcome == Outcome::Straight { 412.0 } else { 89_000.0 }, 60_120.0),
            ],
            failures: vec![
                point(0.5, 60.0, 30_120.0),
                point(0.9, 88.0, 30_120.0),
                point(0.99, 250.0, 30_120.0),
            ],
            timing: Some(Timing {
                planned: 4_458,
                offered: 4_458,
                came: 4_458,
                drift_ratio: 0.000004,
                late_p50_us: 20.0,
                late_p99_us: 90.0,
                late_max_us: 300.0,
            }),
            lag: latency(4_458),
            control: latency(1_200),
            server_late_us: 4.0,
        }
    }

    #[test]
    fn a_row_shows_every_percentile_in_its_column_and_what_stands_against_it() {
        insta::assert_snapshot!(voice(200).row(&measured(Outcome::Straight)), @r#"
     ✔ resets      60 ms, 10 % reset after 30 ms        3,984  +0.05 %  −0.07 %  +0.32 %  +0.69 %
         the resets                                       474  +0.20 %  +0.29 %  +0.83 %        –
    "#);
        insta::assert_snapshot!(voice(60).row(&measured(Outcome::Disturbed)), @r#"
     ? resets        3,984  +0.05 %  −0.07 %  +0.32 %   +148 %
         the resets    474  +0.20 %  +0.29 %  +0.83 %        –
         p99.9: a plain client beside it was held up as well,
         and the sentence is long
    "#);
    }

    #[test]
    fn the_end_says_what_was_found_and_where_it_is_kept() {
        let certificate = Certificate {
            schema: String::new(),
            date: String::new(),
            loadgen: String::new(),
            host: Host {
                cpu: "test".into(),
                cores: 2,
                memory_bytes: 1 << 33,
                kernel: "Linux".into(),
                open_files_limit: 20_000,
                machine: Default::default(),
            },
            passed: true,
            outcome: Outcome::Straight,
            sentence: "The ruler is straight.".into(),
            bound_ratio: 0.01,
            bound_us: 50.0,
            complete: true,
            behaviours: vec![measured(Outcome::Straight)],
            overhead: Some(Overhead {
                loadgen: Latency { p50_us: Some(146), p99_us: Some(380), ..Latency::default() },
                plain: Latency { p50_us: Some(118), ..Latency::default() },
                lag: Latency::default(),
            }),
            rate: Some(RateCeiling {
                per_s: 22_627.0,
                limited_by: Some("at 26,909 requests/s 40 arrivals were dropped".into()),
            }),
            users: Some(UserCeiling {
                users: 19_900,
                limited_by: "open files".into(),
                by_files: 19_900,
                by_ports: 28_232,
                by_memory: 700_000,
                bytes_per_user: 11_700.0,
                measured_with: 4_000,
            }),
        };
        insta::assert_snapshot!(voice(100).closing(&certificate, &[Path::new("certificate.json")]), @r#"

     ✔ The ruler is straight.
       worst       resets at p99: 30.4 ms reported, 30.1 ms true
       schedule    4,458 of 4,458 requests offered, drift at most 0.0004 %; start lag at most 70 µs
                   (p50), 240 µs (p99), 1.9 ms (worst)
       overhead    an answer that takes no time is reported as 146 µs (p50), 380 µs (p99); a plain
                   client sees 118 µs (p50), – (p99)
       rate        22,627 requests/s, target on the same machine; at 26,909 requests/s 40 arrivals were
                   dropped
       users       19,900 in one process: open files allow 19,900, ports to one address 28,232, memory
                   700,000 (11.4 KB each)
       certificate certificate.json
    "#);
    }
}
