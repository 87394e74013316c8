use record::unit::show_ratio;
use serde::Serialize;

use super::loads::Seen;

/// The observed processor time of the service, cores in use.
pub const CPU: &str = "cpu_seconds";

/// How busy something was over the loads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Busy {
    /// What, in words.
    pub name: String,
    /// Whether it is the generator's own.
    pub generator: bool,
    /// Share of it that was used at each load, 0..1, with the throughput there, in order of load.
    pub at: Vec<(f64, f64)>,
    /// The most of it that was used, 0..1.
    pub most: f64,
    /// The same in words.
    pub most_text: String,
}

/// Cores that the service could use: those of the machine, where it ran on the one that made the load.
pub fn cores(seen: &Seen) -> Option<f64> {
    // The search knows how many its observer found.
    let told = seen.searches.iter().filter_map(|search| search.answer.saturated.as_ref());
    let told = told.filter(|it| it.unit == "cores" && it.of > 0.0).map(|it| it.of);
    if let Some(cores) = told.reduce(f64::min) {
        return Some(cores);
    }
    let setting = &seen.setting;
    (setting.target.loopback && setting.host.cores > 0).then_some(setting.host.cores as f64)
}

/// What was used of everything whose whole is known, the busiest first.
pub fn busy(seen: &Seen) -> Vec<Busy> {
    let mut found = Vec::new();
    if let Some(cores) = cores(seen) {
        let at = seen
            .loads
            .iter()
            .filter_map(|load| Some((load.throughput_per_s, load.observed.get(CPU)? / cores)));
        found.push(made("service processor", false, at.collect()));
    }
    let at = seen.loads.iter().filter_map(|load| Some((load.throughput_per_s, load.generator_ratio?)));
    found.push(made("generator processor", true, at.collect()));
    found.retain(|busy| !busy.at.is_empty());
    found.sort_by(|a, b| b.most.total_cmp(&a.most));
    found
}

fn made(name: &str, generator: bool, mut at: Vec<(f64, f64)>) -> Busy {
    at.sort_by(|a, b| a.0.total_cmp(&b.0));
    let most = at.iter().map(|(_, used)| *used).fold(0.0, f64::max);
    Busy { name: name.to_owned(), generator, at, most, most_text: show_ratio(most) }
}
