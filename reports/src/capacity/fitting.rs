use std::path::PathBuf;

use record::Exit;
use serde::Serialize;

use super::{
    Basis, Fit, Law, Model, Residuals,
    cache::{CacheModel, cache_model},
    demand::{Demand, demands, observed},
    fit,
    knee::{Knee, bend, knee},
    points::{Axis, Point, Points, points},
    predict::{FARTHEST, Prediction, peak, predict},
    spread::{bootstrap_peak, leave_one_out},
    tier::{TierModel, tier},
    weigh::{Weighed, weigh},
};
use crate::{
    failure::Failure,
    report::{Interval, interval_words},
    stats::{CONFIDENCE, student},
};

/// The schema name of a fit's JSON; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.fit/1";

/// Different loads below which nothing is fitted: three parameters and one to be wrong by.
const LEAST_LOADS: usize = 4;
/// Different loads below which a fit is weak (Gunther 2007, §5.3).
const FEW_LOADS: usize = 6;

/// Share of its time above which a server at the lowest load is no measure of service time.
const BUSY: f64 = 0.5;

/// How closely the points must bound a peak beyond them: half the width of its interval over the peak.
const PRECISE: f64 = 0.1;

/// What is asked of a fit besides the law.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The latency to keep, seconds.
    pub slo_s: Option<f64>,
    /// Loads to predict throughput at.
    pub at: Vec<f64>,
    /// How many there are of a resource, by the name of its observed value.
    pub have: Vec<(String, f64)>,
    /// Steps of a curve to predict besides, from the lowest load to as far beyond the highest as the law is trusted.
    pub curve: usize,
    /// Servers of a tier to hold Erlang's formula against.
    pub servers: Option<u32>,
    /// The observed hit ratio of the cache, and the observed rate of database queries.
    pub cache: (String, String),
}

/// A law fitted to measured points, and what follows from it.
#[derive(Debug, Clone, Serialize)]
pub struct Fitting {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The program that made it.
    pub made_by: String,
    /// What concurrency counts.
    pub axis: Axis,
    /// The points with what the law says of them.
    pub points: Vec<FittedPoint>,
    /// The law by least squares of throughput.
    pub law: Parameters,
    /// The law by least squares of its logarithm: where the two differ much, a few high points decide.
    pub log_law: Parameters,
    /// The highest throughput by the law.
    pub peak: Prediction,
    /// 95 % bootstrap interval of its concurrency; an end that the points do not bound is absent.
    pub peak_concurrency_interval: Option<Interval>,
    /// 95 % bootstrap interval of its throughput, per second.
    pub peak_throughput_interval: Option<Interval>,
    /// The peak's concurrency as each point in turn is left out.
    pub peak_leave_one_out: Option<Interval>,
    /// What throughput would tend to without coherency, per second.
    pub limit_per_s: Option<f64>,
    /// The highest measured load that keeps its limit.
    pub knee: Option<Knee>,
    /// Where throughput bends most, as a load: advice.
    pub bend_concurrency: Option<f64>,
    /// The models weighed against each other.
    pub models: Vec<Weighed>,
    /// Throughput at the loads that were asked for.
    pub predictions: Vec<Prediction>,
    /// What a request asks of each observed resource, the one that binds first at the head.
    pub demands: Vec<Demand>,
    /// The database's load by the cache's hits.
    pub cache: Option<CacheModel>,
    /// A tier of servers by Erlang's formula.
    pub tier: Option<TierModel>,
    /// What a reader must know before using a figure.
    pub notes: Vec<String>,
}

/// A point and what the law says of it.
#[derive(Debug, Clone, Serialize)]
pub struct FittedPoint {
    /// The point.
    #[serde(flatten)]
    pub point: Point,
    /// Throughput by the law, per second.
    pub fitted_per_s: f64,
    /// `measured / fitted − 1`.
    pub off_ratio: f64,
}

/// A parameter with what is known of it.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Estimate {
    /// Its value.
    pub value: f64,
    /// Its standard error; nothing on its bound.
    pub standard_error: Option<f64>,
    /// Its 95 % interval; nothing on its bound.
    pub interval: Option<Interval>,
}

/// The parameters of a fitted law.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Parameters {
    /// Contention, 0..1.
    pub sigma: Estimate,
    /// Coherency, 0 and up.
    pub kappa: Estimate,
    /// Throughput of one alone, per second.
    pub lambda_per_s: Estimate,
    /// Points less parameters.
    pub freedom: usize,
    /// Residual standard error: per second, or, of logarithms, as a part of the throughput.
    pub residual: f64,
}

impl Parameters {
    fn of(fit: &Fit) -> Self {
        let t = student(fit.freedom as f64, CONFIDENCE);
        let Law { sigma, kappa, lambda_per_s } = fit.law;
        let estimate = |index: usize, value: f64, most: f64| {
            let error = fit.standard_errors[index];
            let known = error > 0.0;
            let (low, high) = ((value - t * error).max(0.0), (value + t * error).min(most));
            Estimate {
                value,
                standard_error: known.then_some(error),
                interval: known.then_some(Interval { low: Some(low), high: Some(high) }),
            }
        };
        Self {
            sigma: estimate(0, sigma, 1.0),
            kappa: estimate(1, kappa, f64::INFINITY),
            lambda_per_s: estimate(2, lambda_per_s, f64::INFINITY),
            freedom: fit.freedom,
            residual: (fit.squares / fit.freedom as f64).sqrt(),
        }
    }
}

/// Fits the scalability law to the points of `inputs`.
///
/// # Errors
/// The points cannot be read, or are too few to say anything.
pub fn fitting(inputs: &[PathBuf], asked: &Asked) -> Result<Fitting, Failure> {
    let found = points(inputs, asked.slo_s)?;
    let pairs = found.pairs();
    let Points { axis, points, mut notes } = found;
    let refuse = |why: String| Failure {
        exit: Exit::Invalid,
        message: format!("{why}. {}", notes.join(" ")).trim_end().to_owned(),
    };
    if pairs.len() < LEAST_LOADS {
        return Err(refuse(format!(
            "{} cannot tell a law of three parameters from chance; measure at {LEAST_LOADS} at least, better {FEW_LOADS} or more",
            crate::words::counted(pairs.len() as u64, "different load", "different loads")
        )));
    }
    let by = |model, residuals| fit(&pairs, model, residuals).map_err(&refuse);
    let found = by(Model::Universal, Residuals::Plain)?;
    let by_logarithm = by(Model::Universal, Residuals::Log)?;
    let fits = [
        (Model::Linear, by(Model::Linear, Residuals::Plain)?),
        (Model::Amdahl, by(Model::Amdahl, Residuals::Plain)?),
        (Model::Universal, found.clone()),
    ];
    let (low, high) = (pairs[0].0, pairs[pairs.len() - 1].0);
    let intervals = bootstrap_peak(&pairs, &found).filter(|_| found.law.peak().is_some());
    let cache = match cache_model(&points, &asked.cache.0, &asked.cache.1) {
        Ok(model) => Some(model),
        Err(why) => {
            if points.iter().any(|point| observed(point, &asked.cache.0).is_some()) {
                notes.push(format!("No cache model: {why}."));
            }
            None
        }
    };
    let tier = asked.servers.and_then(|servers| tier(&points, servers));
    if asked.servers.is_some() && tier.is_none() {
        notes.push("No queueing model: the lowest load has no mean time; add a column `latency`.".to_owned());
    }
    if tier.as_ref().is_some_and(|tier| tier.rows[0].utilisation > BUSY) {
        notes.push(
            "The lowest load already keeps the servers busy, so its time holds waiting and Erlang's formulas, which are of \
             arrivals that wait for nobody's answer, overstate the rest."
                .to_owned(),
        );
    }
    if pairs.len() < FEW_LOADS {
        notes.push(format!(
            "{} loads are few; {FEW_LOADS} or more make a fit worth planning by.",
            pairs.len()
        ));
    }
    if found.law.kappa == 0.0 {
        notes.push("κ lies on its bound, 0: the points show no fall, so no peak is told.".to_owned());
    }
    if axis == Axis::InFlight {
        notes.push(
            "Concurrency was not set but followed from the rate: where requests queue up in the target, it holds them too."
                .to_owned(),
        );
    }
    let models = weigh(&fits, pairs.len());
    notes.extend(doubt(&models));
    Ok(Fitting {
        schema: SCHEMA,
        made_by: format!("headroom {}", env!("CARGO_PKG_VERSION")),
        axis,
        law: Parameters::of(&found),
        log_law: Parameters::of(&by_logarithm),
        peak: bounded(peak(&found, low, high), intervals.map(|(_, highest)| highest)),
        peak_concurrency_interval: intervals.map(|(at, _)| at),
        peak_throughput_interval: intervals.map(|(_, highest)| highest),
        peak_leave_one_out: leave_one_out(&pairs).filter(|_| found.law.peak().is_some()),
        limit_per_s: found.law.limit_per_s(),
        knee: knee(&points),
        bend_concurrency: bend(&pairs),
        models,
        predictions: loads(asked, low, high)
            .into_iter()
            .map(|load| predict(&found, load, low, high))
            .collect(),
        demands: demands(&points, &asked.have),
        cache,
        tier,
        points: points.into_iter().map(|point| fitted(point, &found.law)).collect(),
        notes,
    })
}

/// Loads whose ends differ by more than this lie evenly by their logarithm.
pub const WIDE: f64 = 30.0;

/// The loads that were asked for, and those of the curve, on which the highest that was measured lies.
fn loads(asked: &Asked, low: f64, high: f64) -> Vec<f64> {
    let mut loads = asked.at.clone();
    if asked.curve > 0 {
        let end = high * FARTHEST;
        let at = |step: usize| {
            let share = step as f64 / asked.curve as f64;
            if high / low > WIDE { low * (end / low).powf(share) } else { low + (end - low) * share }
        };
        loads.extend((0..asked.curve).map(at).chain([high, end]));
        loads.sort_by(f64::total_cmp);
    }
    loads
}

/// A peak beyond what was measured, refused unless the points bound its throughput to [`PRECISE`].
fn bounded(mut peak: Prediction, interval: Option<Interval>) -> Prediction {
    let (Basis::Extrapolated { times }, Some(throughput)) = (&peak.basis, peak.throughput_per_s) else {
        return peak;
    };
    let ends = interval.and_then(|it| Some((it.low?, it.high?)));
    if ends.is_some_and(|(low, high)| high - low <= 2.0 * PRECISE * throughput) {
        return peak;
    }
    let shown = record::unit::show_number;
    let known = interval.filter(|it| it.low.is_some() || it.high.is_some());
    let reason = format!(
        "by the law it lies at {} times the highest load measured, and the points bound its throughput only to {}; measure \
         at higher loads",
        shown(*times),
        known.map_or_else(
            || "nothing".to_owned(),
            |it| interval_words(it, |value| format!("{} /s", shown(value)))
        )
    );
    peak.throughput_per_s = None;
    peak.basis = Basis::Refused { reason };
    peak
}

fn fitted(point: Point, law: &Law) -> FittedPoint {
    let fitted_per_s = law.throughput_per_s(point.concurrency);
    FittedPoint { off_ratio: point.throughput_per_s / fitted_per_s - 1.0, fitted_per_s, point }
}

/// A word where a simpler model explains the points as well.
fn doubt(models: &[Weighed]) -> Option<String> {
    let [linear, amdahl, universal] = models else { return None };
    let universal = universal.behind?;
    let simpler = [(linear, "a straight line"), (amdahl, "contention alone (Amdahl)")];
    let better =
        simpler.into_iter().find(|(model, _)| model.behind.is_some_and(|behind| behind <= universal))?;
    Some(format!(
        "AICc prefers {} by {}, for its fewer parameters: so few points do not prove what the law adds to it.",
        better.1,
        record::unit::show_number(universal - better.0.behind?)
    ))
}

#[cfg(test)]
#[path = "fitting_tests.rs"]
mod tests;
