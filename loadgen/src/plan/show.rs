//! A plan in words, for people who are about to run it.

mod flows;
mod wire;

use std::fmt::Write;

use record::{Stage, unit::show_count, unit::show_number};

use super::{
    file::Pick,
    model::{Abort, Load, ObserverSource, Plan, Process},
    profile,
};

/// Columns and rows of the drawing of load over time.
const DRAWING: (usize, usize) = (64, 6);

/// What a run of `plan` would do.
pub fn show(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_plan(plan, &mut out);
    out
}

fn write_plan(plan: &Plan, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}", plan.name)?;
    if !plan.about.trim().is_empty() {
        writeln!(out, "{}", plan.about.trim())?;
    }
    writeln!(out, "\nTarget   {}", plan.target.base_url)?;
    writeln!(out, "Loads    {}", hosts(plan).join(", "))?;
    let unusual = wire::unusual(&plan.target.wire);
    if !unusual.is_empty() {
        writeln!(out, "Wire     connections: {}", unusual.join("; "))?;
    }
    write_load(plan, out)?;
    flows::write(plan, out)?;
    if !plan.data.is_empty() {
        writeln!(out, "\nData")?;
        for set in &plan.data {
            let pick = match set.pick {
                Pick::Unique => "one row a user",
                Pick::Random => "a random row each iteration",
                Pick::InOrder => "the next row each iteration",
            };
            let rows = show_count(set.rows() as i64);
            writeln!(out, "  {}: {rows} rows ({}), {pick}", set.name, set.columns.join(", "))?;
        }
    }
    if !plan.observe.is_empty() {
        writeln!(out, "\nObserved")?;
        for observer in &plan.observe {
            match &observer.source {
                ObserverSource::Header(header) => writeln!(out, "  {}: the header {header}", observer.name)?,
                ObserverSource::Prometheus { url, values } => {
                    let names: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
                    writeln!(out, "  {}: {} of {url}", observer.name, names.join(", "))?;
                }
            }
        }
    }
    writeln!(out, "\nBudgets")?;
    if plan.budgets.is_empty() {
        writeln!(out, "  none: whatever is measured passes")?;
    }
    plan.budgets.iter().try_for_each(|budget| writeln!(out, "  {budget}"))
}

fn write_load(plan: &Plan, out: &mut String) -> std::fmt::Result {
    let (stages, unit) = match &plan.load {
        Load::Users { stages, think, pacing } => {
            let think = match (think, pacing) {
                (_, Some(pacing)) => {
                    format!("an iteration every {} or later", show_seconds(pacing.as_secs_f64()))
                }
                (Some(think), None) => {
                    format!("a pause of {} between iterations", show_seconds(think.mean().as_secs_f64()))
                }
                (None, None) => "no pause between iterations".to_owned(),
            };
            writeln!(out, "Load     closed: users who wait for their answers, {think}")?;
            (stages, " users")
        }
        Load::Arrivals { process, max_in_flight, stages } => {
            let process = match process {
                Process::Constant => "evenly spaced",
                Process::Poisson => "spaced as independent users arrive",
            };
            let most = show_count(*max_in_flight as i64);
            writeln!(out, "Load     open: iterations by the clock, {process}, at most {most} at once")?;
            (stages, "/s")
        }
    };
    let seconds = profile::seconds(stages);
    let warm_up = plan.warm_up.as_secs_f64();
    writeln!(
        out,
        "Length   {}, of which {} warm-up (shown, not judged)",
        show_seconds(seconds),
        show_seconds(warm_up)
    )?;
    match plan.abort {
        None => {}
        Some(Abort::Off) => writeln!(out, "Abort    never")?,
        Some(Abort::Storm { share, requests, within }) => writeln!(
            out,
            "Abort    when {} % of at least {} requests in {} fail",
            show_number(share * 100.0),
            show_count(requests as i64),
            show_seconds(within.as_secs_f64())
        )?,
    }
    writeln!(out, "\nStages")?;
    let mut start = 0.0;
    for stage in stages {
        let (from, to) = (show_number(stage.from), show_number(stage.to));
        let level = if from == to { format!("hold {to}{unit}") } else { format!("{from} → {to}{unit}") };
        writeln!(out, "  {:>8}  {level} for {}", show_seconds(start), show_seconds(stage.seconds))?;
        start += stage.seconds;
    }
    draw(stages, unit, out)
}

/// The profile as a drawing, each column the mean of its stretch of time.
fn draw(stages: &[Stage], unit: &str, out: &mut String) -> std::fmt::Result {
    let (columns, rows) = DRAWING;
    let (seconds, peak) = (profile::seconds(stages), profile::peak(stages));
    let levels: Vec<f64> = (0..columns)
        .map(|column| {
            profile::at(stages, (column as f64 + 0.5) / columns as f64 * seconds) / peak * rows as f64
        })
        .collect();
    writeln!(out)?;
    for row in (0..rows).rev() {
        let line: String = levels
            .iter()
            .map(|level| match ((level - row as f64).clamp(0.0, 1.0) * 8.0).round() as usize {
                0 => ' ',
                eighths => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][eighths - 1],
            })
            .collect();
        let label = if row == rows - 1 { format!("{}{unit}", show_number(peak)) } else { String::new() };
        writeln!(out, "  {label:>14} │{}", line.trim_end())?;
    }
    let end = show_seconds(seconds);
    let width = columns.saturating_sub(end.chars().count() + 1);
    writeln!(out, "  {:>14} └{}\n  {:>14}  0{:width$}{end}", "", "─".repeat(columns), "", "")
}

/// Every host that requests go to, with what is known of those that a variable gives.
fn hosts(plan: &Plan) -> Vec<String> {
    let host = |url: &url::Url| {
        let port = url.port_or_known_default().map_or(String::new(), |port| format!(":{port}"));
        format!("{}{port}", url.host_str().unwrap_or("?"))
    };
    let mut hosts = vec![host(&plan.target.base_url)];
    for request in plan.every_request() {
        let found = match request.url.prefix() {
            "" if request.url.as_static().is_none() => "wherever answers point, if allowed".to_owned(),
            prefix if prefix.starts_with("http") => {
                url::Url::parse(prefix).map_or_else(|_| prefix.to_owned(), |it| host(&it))
            }
            _ => continue,
        };
        if !hosts.contains(&found) {
            hosts.push(found);
        }
    }
    hosts
}

fn show_seconds(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{} s", show_number(seconds));
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
