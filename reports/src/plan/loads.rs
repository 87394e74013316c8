use std::{collections::BTreeMap, path::PathBuf};

use record::{
    Budget, Capacity, Decision, Histogram, Host, Kind, Latency, Model, ObservedKind, TargetInfo, Verdict,
    capacity::{Purpose, RateFinding},
    new_histogram,
};
use serde::Serialize;

use crate::{
    failure::Failure,
    read::Evidence,
    report::{Interval, merged, quantile_interval},
    words,
};

/// What was measured at one load, over all runs of it.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    /// The load as it was set: iterations a second, or users.
    pub set: f64,
    /// Runs behind it.
    pub runs: u64,
    /// Requests answered as expected, per second.
    pub throughput_per_s: f64,
    /// Mean response time.
    pub mean_us: f64,
    /// Answers behind the percentiles.
    pub n: u64,
    /// The median.
    pub p50: Percentile,
    /// The 95th percentile.
    pub p95: Percentile,
    /// The 99th.
    pub p99: Percentile,
    /// Whether it keeps every budget; nothing where that is open.
    pub keeps: Option<bool>,
    /// Bytes of an answer, as they came.
    pub bytes_in_per_request: Option<f64>,
    /// Bytes of a request, as they went.
    pub bytes_out_per_request: Option<f64>,
    /// Share of the generator's cores that it used, 0..1.
    pub generator_ratio: Option<f64>,
    /// Observed rates and shares by name.
    pub observed: BTreeMap<String, f64>,
}

/// A percentile with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentile {
    /// Microseconds; nothing below the sample size that can bound it.
    pub us: Option<f64>,
    /// Its interval; nothing where only the percentile was kept.
    pub interval: Option<Interval>,
}

/// All that was measured.
pub struct Seen {
    /// In order of load.
    pub loads: Vec<Load>,
    /// The searches among the inputs.
    pub searches: Vec<Capacity>,
    /// What was run, and on what: of the first record.
    pub setting: Setting,
    /// What the users of closed runs beside a search say of one: requests a second, and the run's scenario.
    pub paces: Vec<(f64, String)>,
    /// The inputs that are points of one law: all but those.
    pub points: Vec<PathBuf>,
    /// Records read.
    pub records: u64,
    /// What a reader must know, one sentence each.
    pub notes: Vec<String>,
}

/// What was run, and on what.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// The scenario's name.
    pub scenario: String,
    /// The commit the first run was started from, seven characters.
    pub commit: Option<String>,
    /// The machine that made the load.
    pub host: Host,
    /// The service under test.
    pub target: TargetInfo,
    /// Start of the newest run, RFC 3339 UTC.
    pub newest: String,
    /// The same as people write it.
    pub newest_text: String,
    /// How load was offered.
    pub model: Model,
    /// What had to hold.
    pub budgets: Vec<Budget>,
}

/// What a run says of its load.
struct Fact {
    set: f64,
    seconds: f64,
    completed: u64,
    response: Histogram,
    mean_us: f64,
    keeps: Option<bool>,
    bytes: (u64, u64),
    generator_ratio: Option<f64>,
    observed: Vec<(String, f64)>,
    setting: Setting,
}

/// Reads run records and folders of capacity searches.
///
/// # Errors
/// Not to be read; of more than one scenario or model; nothing in them that says what a load does.
pub fn seen(inputs: &[PathBuf]) -> Result<Seen, Failure> {
    let (mut facts, mut searches, mut notes, mut rates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut paces, mut points, mut empty) = (Vec::new(), Vec::new(), false);
    let is_search = |input: &&PathBuf| input.join(Capacity::FILE).is_file();
    let searched = inputs.iter().any(|input| is_search(&input));
    for input in inputs {
        if !is_search(&input) {
            let evidence = Evidence::open(input)?;
            empty |= evidence.judgement.verdict == Verdict::NoData;
            match fact(&evidence, None) {
                Ok(fact) if searched && fact.setting.model == Model::Closed => paces.push(fact),
                Ok(fact) => {
                    points.push(input.clone());
                    facts.push(fact);
                }
                Err(why) => notes.push(format!("{} was left out: {why}.", input.display())),
            }
            continue;
        }
        points.push(input.clone());
        let search = Capacity::read(input)?;
        for step in &search.steps {
            let folder = input.join(&step.record);
            if !matches!(step.purpose, Purpose::Search | Purpose::Repeat) || !folder.is_dir() {
                continue;
            }
            let keeps =
                search.rates.iter().find(|rate| rate.rate_per_s == step.rate_per_s).map(|rate| rate.decision);
            // What the generator could not offer says nothing of the target; the search counted such steps itself.
            facts.extend(fact(&Evidence::open(&folder)?, Some((step.rate_per_s, keeps))));
        }
        rates.extend(of_rates(&search));
        searches.push(search);
    }
    let records = (facts.len() + paces.len()) as u64;
    let paces: Vec<(f64, String)> = paces
        .into_iter()
        .filter(|fact| fact.set > 0.0)
        .map(|fact| (fact.completed as f64 / fact.seconds.max(1.0) / fact.set, fact.setting.scenario))
        .collect();
    let exit = if empty { record::Exit::NoData } else { record::Exit::Invalid };
    let setting = setting(&facts, &searches)?.ok_or_else(|| Failure {
        exit,
        message: format!("no record supports a plan. {}", notes.join(" ")),
    })?;
    let mut loads = grouped(facts);
    for load in rates {
        if !loads.iter().any(|known| known.set == load.set) {
            loads.push(load);
        }
    }
    loads.sort_by(|a, b| a.set.total_cmp(&b.set));
    if loads.is_empty() {
        let message = format!("nothing here says what a load does. {}", notes.join(" "));
        return Err(Failure { exit: record::Exit::Invalid, message: message.trim_end().to_owned() });
    }
    Ok(Seen { loads, searches, setting, paces, points, records, notes })
}

/// What one record says; of a search, at its rate and with what the search decided of it.
fn fact(evidence: &Evidence, of_search: Option<(f64, Option<Decision>)>) -> Result<Fact, String> {
    let (run, summary) = (&evidence.record.run, &evidence.summary);
    let verdict = evidence.judgement.verdict;
    if matches!(verdict, Verdict::Invalid | Verdict::NoData | Verdict::Interrupted) {
        return Err(evidence.judgement.sentence.trim_end_matches('.').to_owned());
    }
    if !evidence.one_load() {
        return Err("its load changes after the warm-up, and a point is of one load".to_owned());
    }
    let set = match (of_search, run.model) {
        (Some((rate, _)), _) => rate,
        (None, Model::Closed) => summary.peak_users as f64,
        (None, Model::Open) => run.stages.last().map_or(0.0, |stage| stage.to),
    };
    let observed =
        summary.observed.iter().filter(|it| matches!(it.kind, ObservedKind::Rate | ObservedKind::Ratio));
    Ok(Fact {
        set,
        seconds: summary.seconds as f64,
        completed: summary.completed,
        response: merged(&evidence.totals, |kind| *kind == Kind::Response),
        mean_us: summary.response.mean_us,
        keeps: match of_search {
            Some((_, decision)) => decision.and_then(keeps),
            None => (!run.budgets.is_empty()).then_some(verdict == Verdict::Pass),
        },
        bytes: (summary.bytes_in, summary.bytes_out),
        generator_ratio: (run.host.cores > 0).then(|| summary.generator.cpu_cores / run.host.cores as f64),
        observed: observed.filter_map(|it| Some((it.name.clone(), it.value?))).collect(),
        setting: Setting {
            scenario: run.scenario.name.clone(),
            commit: run.git.as_ref().map(|git| git.commit.chars().take(7).collect()),
            host: run.host.clone(),
            target: run.target.clone(),
            newest: run.start.clone(),
            newest_text: words::instant(&run.start),
            model: run.model,
            budgets: run.budgets.clone(),
        },
    })
}

const fn keeps(decision: Decision) -> Option<bool> {
    match decision {
        Decision::Holds => Some(true),
        Decision::Breaks => Some(false),
        Decision::Open | Decision::Limited => None,
    }
}

fn setting(facts: &[Fact], searches: &[Capacity]) -> Result<Option<Setting>, Failure> {
    let of_search = |search: &Capacity| Setting {
        scenario: search.scenario.name.clone(),
        commit: search.git.as_ref().map(|git| git.commit.chars().take(7).collect()),
        host: search.host.clone(),
        target: search.target.clone(),
        newest: search.start.clone(),
        newest_text: words::instant(&search.start),
        model: Model::Open,
        budgets: search.budgets.clone(),
    };
    let all: Vec<Setting> =
        facts.iter().map(|fact| fact.setting.clone()).chain(searches.iter().map(of_search)).collect();
    let Some(first) = all.first() else { return Ok(None) };
    if let Some(other) =
        all.iter().find(|other| other.scenario != first.scenario || other.model != first.model)
    {
        return Err(Failure::usage(format!(
            "`{}` and `{}` are of different scenarios or models; a plan rests on one",
            first.scenario, other.scenario
        )));
    }
    // Instants in UTC with one form are in order as text.
    let newest = all.iter().map(|it| (&it.newest, &it.newest_text)).max();
    let (newest, newest_text) = newest.map_or_else(Default::default, |(a, b)| (a.clone(), b.clone()));
    Ok(Some(Setting { newest, newest_text, ..first.clone() }))
}

fn grouped(mut facts: Vec<Fact>) -> Vec<Load> {
    facts.sort_by(|a, b| a.set.total_cmp(&b.set));
    facts.chunk_by(|a, b| a.set == b.set).map(load).collect()
}

fn load(group: &[Fact]) -> Load {
    let mut all = new_histogram();
    group.iter().for_each(|fact| all.add(&fact.response).expect("a growing histogram takes any other"));
    let completed: u64 = group.iter().map(|fact| fact.completed).sum();
    let seconds: f64 = group.iter().map(|fact| fact.seconds).sum();
    let per_request = |bytes: fn(&Fact) -> u64| {
        (completed > 0).then(|| group.iter().map(bytes).sum::<u64>() as f64 / completed as f64)
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let used: Vec<f64> = group.iter().filter_map(|fact| fact.generator_ratio).collect();
    let mut observed = BTreeMap::<String, Vec<f64>>::new();
    for (name, value) in group.iter().flat_map(|fact| &fact.observed) {
        observed.entry(name.clone()).or_default().push(*value);
    }
    let kept: Option<Vec<bool>> = group.iter().map(|fact| fact.keeps).collect();
    let percentile = |quantile: f64| Percentile {
        us: record::quantile_us(&all, quantile).map(|us| us as f64),
        interval: quantile_interval(&all, 0, quantile),
    };
    Load {
        set: group[0].set,
        runs: group.len() as u64,
        throughput_per_s: completed as f64 / seconds.max(1.0),
        mean_us: group.iter().map(|fact| fact.mean_us * fact.completed as f64).sum::<f64>()
            / completed.max(1) as f64,
        n: all.len(),
        p50: percentile(0.5),
        p95: percentile(0.95),
        p99: percentile(0.99),
        keeps: kept.map(|kept| kept.into_iter().all(|keeps| keeps)),
        bytes_in_per_request: per_request(|fact| fact.bytes.0),
        bytes_out_per_request: per_request(|fact| fact.bytes.1),
        generator_ratio: (!used.is_empty()).then(|| mean(&used)),
        observed: observed.into_iter().map(|(name, values)| (name, mean(&values))).collect(),
    }
}

/// The loads of a search whose steps were not kept: percentiles without intervals.
fn of_rates(search: &Capacity) -> Vec<Load> {
    let usable =
        search.rates.iter().filter(|rate| rate.decision != Decision::Limited && rate.requests_per_s > 0.0);
    let plain = |us: Option<u64>| Percentile { us: us.map(|us| us as f64), interval: None };
    let load = |rate: &RateFinding| {
        let response: &Latency = &rate.response;
        let seen =
            rate.observed.iter().filter(|it| matches!(it.kind, ObservedKind::Rate | ObservedKind::Ratio));
        Load {
            set: rate.rate_per_s,
            runs: rate.trials - rate.limited,
            throughput_per_s: rate.requests_per_s,
            mean_us: response.mean_us,
            n: response.n,
            p50: plain(response.p50_us),
            p95: plain(response.p95_us),
            p99: plain(response.p99_us),
            keeps: keeps(rate.decision),
            bytes_in_per_request: None,
            bytes_out_per_request: None,
            generator_ratio: None,
            observed: seen.filter_map(|it| Some((it.name.clone(), it.value?))).collect(),
        }
    };
    usable.map(load).collect()
}
