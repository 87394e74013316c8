use std::path::Path;

use record::{Kind, unit::show_us};
use simulation::{Service, Slice};

use super::{
    plan::{Wrong, duration},
    text::ServiceText,
};
use crate::{
    read::{Evidence, buckets},
    report::merged,
};

const RIGHT: &str = "write one of `constant: 5ms`, `exponential: 5ms`, `erlang: { phases: 4, mean: 5ms }`, \
                     `log_normal: { p50: 4ms, p99: 30ms }`, `record: FOLDER` (with `request: NAME` or `observed: NAME`)";

/// A tier's service time, and where it comes from in words.
pub fn service(key: &str, text: &ServiceText, folder: &Path) -> Result<(Service, String), Wrong> {
    let wrong = |what: &str| Err(Wrong::Key(key.to_owned(), what.to_owned()));
    let given = [
        text.constant.is_some(),
        text.exponential.is_some(),
        text.erlang.is_some(),
        text.log_normal.is_some(),
        text.record.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return wrong(RIGHT);
    }
    if text.record.is_none() && (text.request.is_some() || text.observed.is_some()) {
        return wrong("`request` and `observed` are of a record; name it by `record: FOLDER`");
    }
    if text.request.is_some() && text.observed.is_some() {
        return wrong("`request` and `observed` are two sources; keep one");
    }
    let time = |text: &str| match duration(key, text)? {
        s if s <= LONGEST_S => Ok(s),
        _ => Err(Wrong::Key(key.to_owned(), format!("`{text}` is longer than ten minutes"))),
    };
    let shown = |s: f64| show_us(s * 1e6);
    if let Some(it) = &text.constant {
        let s = time(it)?;
        return Ok((Service::Constant(s), format!("always {}", shown(s))));
    }
    if let Some(it) = &text.exponential {
        let s = time(it)?;
        return Ok((Service::Exponential(s), format!("exponential, mean {}", shown(s))));
    }
    if let Some(it) = &text.erlang {
        let mean_s = time(&it.mean)?;
        if !(1..=1_000).contains(&it.phases) {
            return wrong("`phases` must be 1 to 1000");
        }
        return Ok((
            Service::Erlang { phases: it.phases, mean_s },
            format!("Erlang of {} phases, mean {}", it.phases, shown(mean_s)),
        ));
    }
    if let Some(it) = &text.log_normal {
        let (median_s, p99_s) = (time(&it.p50)?, time(&it.p99)?);
        if median_s <= 0.0 || p99_s <= median_s {
            return wrong("`p99` must be above `p50`, and both above 0");
        }
        // p99 = median · exp(2.326·spread).
        let spread = (p99_s / median_s).ln() / Z_99;
        return Ok((
            Service::LogNormal { median_s, spread },
            format!("log-normal, p50 {}, p99 {}", shown(median_s), shown(p99_s)),
        ));
    }
    measured(key, text, folder)
}

/// The 99th percentile of the standard normal distribution.
const Z_99: f64 = 2.326_347_874_040_841;
/// The longest time of service that a plan may name.
const LONGEST_S: f64 = 600.0;

fn measured(key: &str, text: &ServiceText, folder: &Path) -> Result<(Service, String), Wrong> {
    let Some(record) = &text.record else { return Err(Wrong::Key(key.to_owned(), RIGHT.to_owned())) };
    let path = folder.join(record);
    let evidence = Evidence::open(&path).map_err(Wrong::Record)?;
    evidence.refuse_nothing().map_err(Wrong::Record)?;
    let wrong = |what: String| Err(Wrong::Key(key.to_owned(), what));
    let name = record.display();
    if let Some(observed) = &text.observed {
        let Some(found) = buckets(&evidence, observed, evidence.record.judged()) else {
            return wrong(format!("{name} observes no histogram `{observed}` with anything in it"));
        };
        let n: f64 = found.iter().map(|bucket| bucket.count).sum();
        let mut below = 0.0;
        let slices = found.iter().filter(|bucket| bucket.count > 0.0).map(|bucket| {
            below += bucket.count;
            // What is past the last bound is known to be no shorter.
            let to_s = if bucket.to_s.is_finite() { bucket.to_s } else { bucket.from_s };
            Slice { up_to: below / n, from_s: bucket.from_s, to_s }
        });
        let service = Service::Measured(slices.collect());
        let mean = show_us(service.mean_s() * 1e6);
        return Ok((
            service,
            format!(
                "as {observed} in {name}, {} observed, mean {mean}",
                crate::words::counted(n as u64, "time", "times")
            ),
        ));
    }
    let wanted = text.request.as_deref();
    let all = merged_of(&evidence, wanted);
    if all.is_empty() {
        let known: Vec<&str> = evidence.summary.by_request.iter().map(|it| it.name.as_str()).collect();
        return wrong(format!(
            "{name} timed no request `{}`; it has {}",
            wanted.unwrap_or_default(),
            known.join(", ")
        ));
    }
    let n = all.len();
    let mut below = 0;
    let slices = all.iter_recorded().map(|step| {
        below += step.count_at_value();
        let value = step.value_iterated_to();
        let s = |us: u64| us as f64 / 1e6;
        Slice {
            up_to: below as f64 / n as f64,
            from_s: s(all.lowest_equivalent(value)),
            to_s: s(all.highest_equivalent(value)),
        }
    });
    let service = Service::Measured(slices.collect());
    let of = wanted.map_or_else(String::new, |request| format!(" of {request}"));
    let mean = show_us(service.mean_s() * 1e6);
    Ok((
        service,
        format!("service time{of} in {name}, {}, mean {mean}", crate::words::counted(n, "answer", "answers")),
    ))
}

fn merged_of(evidence: &Evidence, request: Option<&str>) -> record::Histogram {
    match request {
        None => merged(&evidence.totals, |kind| *kind == Kind::Service),
        Some(request) => {
            let tag = record::Tag { request: request.to_owned(), kind: Kind::Service };
            evidence.totals.get(&tag).cloned().unwrap_or_else(record::new_histogram)
        }
    }
}
