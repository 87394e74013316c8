use std::path::Path;

use crate::{
    charts::{self, Figure},
    failure::Failure,
    plan::Plan,
    report::Report,
};

/// Writes the figures of a plan into `folder`, a file each; gives back how many.
///
/// # Errors
/// The folder or a file cannot be written.
pub fn plan_svg(plan: &Plan, folder: &Path) -> Result<usize, Failure> {
    let figures = [
        ("latency-against-throughput", charts::hockey(plan)),
        ("scalability", plan.fit.as_ref().map(charts::scalability)),
        ("cache-model", plan.fit.as_ref().and_then(|fit| fit.cache.as_ref()).map(charts::cache_model)),
        ("saturation", charts::busy(plan)),
        ("cost", Some(charts::cost(plan))),
        ("cost-per-1000-users", charts::per_user(plan)),
        ("tornado", charts::tornado(plan)),
    ];
    all(folder, figures)
}

/// Writes the figures of a report on a run into `folder`, a file each; gives back how many.
///
/// # Errors
/// The folder or a file cannot be written.
pub fn report_svg(report: &Report, folder: &Path) -> Result<usize, Failure> {
    let timed = report.timeline.bins.iter().any(|bin| bin.response.p50_us.is_some());
    let figures = [
        ("latency", timed.then(|| charts::latency(report))),
        ("heat-map", (report.heat.n > 0).then(|| charts::heat(report))),
        ("spectrum", (!report.spectrum.response.is_empty()).then(|| charts::spectrum(report))),
        ("traffic", Some(charts::traffic(report))),
        ("changes", report.comparison.as_ref().and_then(charts::changes)),
        ("cache", charts::cache(report)),
        ("generator-lag", Some(charts::lag(report))),
        ("generator-processor", Some(charts::cpu(report))),
    ];
    all(folder, figures)
}

fn all(
    folder: &Path,
    figures: impl IntoIterator<Item = (&'static str, Option<Figure>)>,
) -> Result<usize, Failure> {
    let refuse = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("cannot write {}: {error}", path.display()))
    };
    std::fs::create_dir_all(folder).map_err(|error| refuse(folder, error))?;
    let mut written = 0;
    for (name, figure) in figures {
        let Some(figure) = figure else { continue };
        let path = folder.join(format!("{name}.svg"));
        std::fs::write(&path, charts::standalone(&figure)).map_err(|error| refuse(&path, error))?;
        written += 1;
    }
    Ok(written)
}
