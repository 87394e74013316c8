use std::fmt::Write as _;

use record::unit::{show_number, show_ratio, show_us};

use super::table::{plain, rows};
use crate::{
    capacity::{Basis, Estimate, Fitting, Parameters, Prediction},
    report::interval_words,
};

/// A fit for a terminal: the answer, the law, the points, and what follows. Without colour, so that a pipe and a terminal
/// read the same.
pub fn fit(found: &Fitting) -> String {
    let mut text = answer(found);
    let _ = writeln!(text, "\nX(N) = λN / (1 + σ(N−1) + κN(N−1)), N = {}", found.axis.words());
    text += &parameters(found);
    text += &points(found);
    text += &models(found);
    for (title, rows) in [
        ("throughput", predictions(found)),
        ("demand", demands(found)),
        ("cache and database", cache(found)),
        ("queueing", tier(found)),
    ] {
        if let Some(rows) = rows {
            let _ = write!(text, "\n{title}\n{rows}");
        }
    }
    for note in &found.notes {
        let _ = write!(text, "\nnote: {note}");
    }
    if found.notes.is_empty() { text } else { text + "\n" }
}

fn answer(found: &Fitting) -> String {
    let mut text = String::new();
    let peak = &found.peak;
    let _ = match (&peak.basis, peak.throughput_per_s) {
        (Basis::Refused { reason }, _) => writeln!(text, "peak: refused: {reason}"),
        (basis, highest) => write!(
            text,
            "peak: {}/s at N = {}, {}\n{}",
            show_number(highest.unwrap_or_default()),
            show_number(peak.concurrency),
            basis.words(),
            bounds(found)
        ),
    };
    let _ = match &found.knee {
        Some(knee) => writeln!(
            text,
            "knee: {}/s at N = {}, {}: the highest load that keeps its limit{}",
            show_number(knee.throughput_per_s),
            show_number(knee.concurrency),
            knee.basis.words(),
            knee.next_concurrency.map_or_else(
                || "; no higher one was measured, so it is a lower bound".to_owned(),
                |next| format!(" (the next measured is {})", show_number(next))
            )
        ),
        None if found.points.iter().any(|row| row.point.keeps.is_some()) => {
            writeln!(text, "knee: none: the lowest load does not keep its limit")
        }
        None => Ok(()),
    };
    if let Some(bend) = found.bend_concurrency {
        let _ = writeln!(
            text,
            "bend: throughput bends most near N = {} (advice: it knows no limit)",
            show_number(bend)
        );
    }
    text
}

/// What bounds the peak, a line each.
fn bounds(found: &Fitting) -> String {
    let lines = [
        (found.peak_throughput_interval, "/s by bootstrap of the residuals (95 %)"),
        (found.peak_concurrency_interval, " for N, likewise"),
        (found.peak_leave_one_out, " for N as each point in turn is left out"),
    ];
    let known = lines.into_iter().filter_map(|(interval, what)| Some((interval?, what)));
    known.map(|(interval, what)| format!("      {}{what}\n", interval_words(interval, show_number))).collect()
}

fn parameters(found: &Fitting) -> String {
    let mut table = rows(["", "value", "standard error", "95 % interval", "by log residuals"]);
    let Parameters { sigma, kappa, lambda_per_s, .. } = found.law;
    let log = found.log_law;
    for (name, plain, log) in [
        ("σ contention", sigma, log.sigma),
        ("κ coherency", kappa, log.kappa),
        ("λ of one alone, /s", lambda_per_s, log.lambda_per_s),
    ] {
        table.add_row([
            name.to_owned(),
            digits(plain.value),
            error(plain),
            interval(plain),
            digits(log.value),
        ]);
    }
    let residual = format!(
        "residual standard error {}/s on {} degrees of freedom{}\n",
        show_number(found.law.residual),
        found.law.freedom,
        found.limit_per_s.map_or_else(String::new, |limit| format!("; λ/σ = {}/s", show_number(limit)))
    );
    plain(&mut table, 1) + &residual
}

/// Four significant digits: a parameter may be as small as 10⁻⁸.
fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 1e-3 => format!("{value:.3e}"),
        size if size < 1e4 => format!("{value:.*}", (3.0 - size.log10().floor()).max(0.0) as usize),
        _ => show_number(value),
    }
}

fn error(estimate: Estimate) -> String {
    estimate.standard_error.map_or_else(|| "on its bound".to_owned(), digits)
}

fn interval(estimate: Estimate) -> String {
    estimate.interval.map_or_else(|| "–".to_owned(), |it| interval_words(it, digits))
}

fn points(found: &Fitting) -> String {
    let timed = found.points.iter().any(|row| row.point.latency_s.is_some());
    let judged = found.points.iter().any(|row| row.point.keeps.is_some());
    let mut header = vec!["N", "runs", "measured /s", "law /s", "off"];
    header.extend(timed.then_some("latency"));
    header.extend(judged.then_some("keeps its limit"));
    let mut table = rows(header);
    for row in &found.points {
        let point = &row.point;
        let mut cells = vec![
            show_number(point.concurrency),
            point.runs.to_string(),
            show_number(point.throughput_per_s),
            show_number(row.fitted_per_s),
            format!("{}{}", if row.off_ratio >= 0.0 { "+" } else { "" }, show_ratio(row.off_ratio)),
        ];
        cells.extend(timed.then(|| seconds(point.latency_s)));
        cells.extend(judged.then(|| match point.keeps {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => "open".to_owned(),
        }));
        table.add_row(cells);
    }
    format!("\n{}", plain(&mut table, 0))
}

fn models(found: &Fitting) -> String {
    let mut table = rows(["model", "AICc above the best", "residual /s"]);
    for model in &found.models {
        let behind = model.behind.map_or_else(|| "too few points".to_owned(), show_number);
        table.add_row([model.model.to_owned(), behind, show_number(model.residual_per_s)]);
    }
    format!("\n{}", plain(&mut table, 1))
}

fn predictions(found: &Fitting) -> Option<String> {
    let mut table = rows(["N", "throughput /s", "95 % interval", "basis"]);
    for Prediction { concurrency, throughput_per_s, interval, basis } in &found.predictions {
        let basis = match basis {
            Basis::Refused { reason } => format!("refused: {reason}"),
            known => known.words(),
        };
        table.add_row([
            show_number(*concurrency),
            throughput_per_s.map_or_else(|| "–".to_owned(), show_number),
            interval.map_or_else(|| "–".to_owned(), |it| interval_words(it, show_number)),
            basis,
        ]);
    }
    let text = plain(&mut table, 4);
    (!found.predictions.is_empty()).then_some(text)
}

fn demands(found: &Fitting) -> Option<String> {
    let mut table = rows(["resource", "a request", "busy at most", "of", "requests at most /s"]);
    for demand in &found.demands {
        let of = demand.have.map_or_else(|| "unknown (--have)".to_owned(), show_number);
        let each = if demand.have.is_none() { " for each" } else { "" };
        table.add_row([
            demand.resource.clone(),
            show_us(demand.per_request_s * 1e6),
            show_number(demand.busiest),
            of,
            match (&demand.basis, demand.at_most_per_s) {
                (Basis::Refused { reason }, _) => format!("refused: {reason}"),
                (basis, Some(at_most)) => format!("{}{each}, {}", show_number(at_most), basis.words()),
                (basis, None) => basis.words(),
            },
        ]);
    }
    let text = plain(&mut table, 1);
    (!found.demands.is_empty()).then_some(text)
}

fn cache(found: &Fitting) -> Option<String> {
    let model = found.cache.as_ref()?;
    let mut table = rows(["N", "hits", "queries /s", "by the model /s"]);
    for row in &model.rows {
        let cells = [row.concurrency, row.measured_per_s, row.model_per_s].map(show_number);
        let [n, measured, by_model] = cells;
        table.add_row([n, show_ratio(row.hit_ratio), measured, by_model]);
    }
    Some(format!(
        "queries a request = {} + {}·(1 − hits)\n{}",
        show_number(model.always),
        show_number(model.on_a_miss),
        plain(&mut table, 0)
    ))
}

fn tier(found: &Fitting) -> Option<String> {
    let model = found.tier.as_ref()?;
    let mut header =
        vec!["requests /s", "busy", "have to wait", "mean wait", "p95 wait", "mean by model", "measured"];
    if model.servers == 1 {
        header.extend(["wait if service is constant", "its p95"]);
    }
    let mut table = rows(header);
    for row in &model.rows {
        let mut cells = vec![
            show_number(row.rate_per_s),
            show_ratio(row.utilisation),
            show_ratio(row.waits_ratio),
            row.wait_s.map_or_else(|| "without end".to_owned(), |wait_s| show_us(wait_s * 1e6)),
            seconds(row.wait_p95_s),
            seconds(row.model_s),
            seconds(row.measured_s),
        ];
        if model.servers == 1 {
            cells.extend([row.constant_wait_s, row.constant_wait_p95_s].map(seconds));
        }
        table.add_row(cells);
    }
    Some(format!(
        "M/M/{} (Erlang C), service {} as at the lowest load\n{}",
        model.servers,
        show_us(model.service_s * 1e6),
        plain(&mut table, 0)
    ))
}

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "–".to_owned(), |seconds| show_us(seconds * 1e6))
}
