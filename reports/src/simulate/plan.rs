//! A plan's file, checked.

use std::path::Path;

use record::unit::parse_duration;
use rust_decimal::Decimal;
use serde_saphyr::options;
use simulation::{Cache, Database, Kind, Tier, Topology, What, ns};

use super::{
    service,
    text::{FaultText, LoadText, Lose, Pick, PlanText, ServiceText, TierText},
};
use crate::failure::Failure;

/// Hours of a day.
pub const HOURS: usize = 24;
/// Seconds of a day.
pub const DAY_S: u64 = 86_400;

/// What is to be simulated.
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Seed of arrivals and service times.
    pub seed: u64,
    /// How often everything is simulated.
    pub replications: u64,
    /// The load.
    pub load: Load,
    /// What requests go through.
    pub topology: Topology,
    /// Where each tier's service times come from, in words, in the order of [`Kind::ALL`].
    pub origins: [String; 4],
    /// What an hour of one instance of each tier costs, or what is looked up for it, where the plan says so.
    pub prices: [Option<PricedBy>; 4],
    /// What is lost, one at a time.
    pub faults: Vec<Fault>,
}

/// What an hour of an instance is priced by.
pub enum PricedBy {
    /// Dollars, by the plan.
    Hour(Decimal),
    /// What the catalogue asks for it.
    Sku {
        /// The service of the catalogue.
        service: &'static str,
        /// What of it.
        sku: String,
    },
}

/// The services of the catalogue that the tiers' SKUs are of, in the order of [`Kind::ALL`].
const SERVICES: [&str; 4] = ["elb", "ec2", "elasticache-redis", "rds-postgres"];

/// The load over the day.
pub struct Load {
    /// Requests a second in each hour; between the middles of two hours it lies on the line between them.
    pub by_hour: Vec<f64>,
    /// Length of a step of the day, seconds.
    pub step_s: u64,
    /// How much of each step is simulated and counted, seconds.
    pub sample_s: f64,
    /// How much before it is simulated and not counted, seconds.
    pub settle_s: f64,
}

/// Something that is lost for a while.
pub struct Fault {
    /// What.
    pub what: What,
    /// At which second of the day.
    pub at_s: u64,
    /// For how long, seconds.
    pub lasts_s: u64,
}

impl Load {
    /// Requests a second at `second` of the day.
    pub fn at(&self, second: f64) -> f64 {
        let hours = self.by_hour.len();
        // The middle of the first hour is half past midnight.
        let place = (second / 3600.0 - 0.5).rem_euclid(hours as f64);
        let (from, share) = (place.floor() as usize % hours, place.fract());
        self.by_hour[from] * (1.0 - share) + self.by_hour[(from + 1) % hours] * share
    }

    /// The second of the day with the highest load, the first of them: the middle of its hour.
    pub fn peak_s(&self) -> u64 {
        let highest = self.by_hour.iter().copied().fold(0.0, f64::max);
        let hour = self.by_hour.iter().position(|rate| *rate == highest).unwrap_or(0);
        hour as u64 * 3600 + 1800
    }
}

/// The shape of a day of people at home and at work: least at four in the morning, most at nine in the evening, the mean 1.
const SHAPE: [f64; HOURS] = [
    0.55, 0.38, 0.28, 0.22, 0.20, 0.24, 0.36, 0.60, 0.85, 1.02, 1.10, 1.14, 1.18, 1.14, 1.10, 1.10, 1.16,
    1.26, 1.42, 1.62, 1.80, 1.86, 1.46, 0.96,
];

/// Reads and checks the plan in `path`; records it names are looked for beside it.
///
/// # Errors
/// Not to be read, no such plan, a value that is none: with file, line where it is known, and key.
pub fn read(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the plan {}: {error}", path.display())))?;
    let parsed: PlanText = serde_saphyr::from_str_with_options(&text, options! { with_snippet: false })
        .map_err(|error| {
            let at =
                error.location().map_or_else(String::new, |at| format!(":{}:{}", at.line(), at.column()));
            let what = error.without_snippet().to_string();
            let what = what.split(" at line ").next().unwrap_or_default().to_owned();
            Failure::usage(format!(
                "{}{at}: {what}; see reports/examples/day.yaml for a plan that is right",
                path.display()
            ))
        })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    checked(parsed, folder).map_err(|why| match why {
        Wrong::Key(key, what) => Failure::usage(format!("{}: {key}: {what}", path.display())),
        Wrong::Record(failure) => failure,
    })
}

/// What is wrong with a plan.
pub enum Wrong {
    /// A key, and what would be right.
    Key(String, String),
    /// A record that it names.
    Record(Failure),
}

fn wrong<T>(key: &str, what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Key(key.to_owned(), what.into()))
}

/// The most of anything that can be counted; more is a slip of the pen.
const MOST: usize = 10_000;
/// The most replications.
const MOST_REPLICATIONS: u64 = 1_000;

fn checked(text: PlanText, folder: &Path) -> Result<Plan, Wrong> {
    if text.version != 1 {
        return wrong("version", format!("is {}; this program reads version 1", text.version));
    }
    let replications = text.replications.unwrap_or(5);
    if !(1..=MOST_REPLICATIONS).contains(&replications) {
        return wrong("replications", format!("is {replications}; write 1 to {MOST_REPLICATIONS}"));
    }
    let load = load(&text.load)?;
    let zones = count("zones", text.zones.unwrap_or(1))?;
    let seconds = |key: &str, value: &Option<String>, usual: f64| {
        value.as_deref().map_or(Ok(usual), |it| duration(key, it))
    };
    let mut origins: [String; 4] = Default::default();
    let mut service = |key: &str, tier: Kind, text: &ServiceText| -> Result<_, Wrong> {
        let (service, origin) = service::service(key, text, folder)?;
        let said = &mut origins[tier as usize];
        *said = if said.is_empty() { origin } else { format!("{said}; writes {origin}") };
        Ok(service)
    };
    let mut prices = [None, None, None, None];
    let mut tier = |key: &str, kind: Kind, text: &TierText| -> Result<Tier, Wrong> {
        prices[kind as usize] = priced(key, kind, text.usd_per_hour.as_deref(), text.sku.as_deref())?;
        Ok(Tier {
            instances: count(&format!("{key}.instances"), text.instances)?,
            workers: count(&format!("{key}.workers"), text.workers as usize)? as u32,
            queue: text.queue.unwrap_or(QUEUE),
            service: service(&format!("{key}.service"), kind, &text.service)?,
        })
    };
    let balancer = text.balancer.as_ref().map(|it| tier("balancer", Kind::Balancer, it)).transpose()?;
    let api = tier("api", Kind::Api, &text.api)?;
    let mut cache = None;
    if let Some(it) = &text.cache {
        prices[Kind::Cache as usize] =
            priced("cache", Kind::Cache, it.usd_per_hour.as_deref(), it.sku.as_deref())?;
        cache = Some(Cache {
            tier: Tier {
                instances: count("cache.instances", it.instances)?,
                workers: count("cache.workers", it.workers as usize)? as u32,
                queue: it.queue.unwrap_or(QUEUE),
                service: service("cache.service", Kind::Cache, &it.service)?,
            },
            hits: share("cache.hits", &it.hits)?,
            refill_ns: ns(seconds("cache.refill", &it.refill, 60.0)?),
        });
    }
    let mut database = None;
    if let Some(it) = &text.database {
        prices[Kind::Database as usize] =
            priced("database", Kind::Database, it.usd_per_hour.as_deref(), it.sku.as_deref())?;
        let read = service("database.read", Kind::Database, &it.read)?;
        let write = match &it.write {
            Some(write) => service("database.write", Kind::Database, write)?,
            None => read.clone(),
        };
        let replicas = it.replicas.unwrap_or(0);
        database = Some(Database {
            shards: count("database.shards", it.shards.unwrap_or(1))?,
            replicas: if replicas == 0 { 0 } else { count("database.replicas", replicas)? },
            workers: count("database.workers", it.workers as usize)? as u32,
            queue: it.queue.unwrap_or(QUEUE),
            read,
            write,
            failover_ns: ns(seconds("database.failover", &it.failover, 30.0)?),
        });
    }
    let topology = Topology {
        writes: text.requests.writes.as_deref().map_or(Ok(0.0), |it| share("requests.writes", it))?,
        timeout_ns: ns(seconds("requests.timeout", &text.requests.timeout, 10.0)?),
        detect_ns: ns(seconds("api.detect", &text.api.detect, 5.0)?),
        least_busy: text.api.pick.unwrap_or(Pick::LeastBusy) == Pick::LeastBusy,
        zones,
        balancer,
        api,
        cache,
        database,
    };
    let faults = faults(text.faults, &load, &topology)?;
    Ok(Plan {
        name: text.name,
        about: text.about,
        seed: text.seed,
        replications,
        load,
        topology,
        origins,
        prices,
        faults,
    })
}

/// Requests that may wait in front of an instance where a plan does not say.
const QUEUE: usize = 1_000;

fn load(text: &LoadText) -> Result<Load, Wrong> {
    let by_hour = match (&text.mean, &text.shape, &text.by_hour) {
        (None, None, Some(rates)) => {
            if rates.len() != HOURS {
                return wrong("load.by_hour", format!("has {} rates; a day has {HOURS}", rates.len()));
            }
            rates
                .iter()
                .map(|rate_text| rate("load.by_hour", rate_text))
                .collect::<Result<Vec<f64>, Wrong>>()?
        }
        (Some(mean), shape, None) => {
            let mean = rate("load.mean", mean)?;
            let shape = shape.clone().unwrap_or_else(|| SHAPE.to_vec());
            let sum: f64 = shape.iter().sum();
            if shape.len() != HOURS || shape.iter().any(|it| !it.is_finite() || *it < 0.0) || sum <= 0.0 {
                return wrong(
                    "load.shape",
                    format!("must be {HOURS} numbers from 0 up, one an hour, not all 0"),
                );
            }
            shape.iter().map(|it| it * HOURS as f64 / sum * mean).collect()
        }
        _ => {
            return wrong(
                "load",
                "write `mean: 300/s`, with or without a `shape` of 24 numbers, or `by_hour` with 24 rates",
            );
        }
    };
    if by_hour.iter().all(|rate| *rate == 0.0) {
        return wrong("load", "no request arrives all day");
    }
    let seconds = |key: &str, value: &Option<String>, usual: f64| {
        value.as_deref().map_or(Ok(usual), |it| duration(key, it))
    };
    let step_s = seconds("load.step", &text.step, 1_800.0)?;
    if step_s.fract() != 0.0 || !(60.0..=14_400.0).contains(&step_s) || !DAY_S.is_multiple_of(step_s as u64) {
        return wrong("load.step", "must divide a day and last from 1m to 4h, such as `30m`");
    }
    let sample_s = seconds("load.sample", &text.sample, 30.0)?;
    let settle_s = seconds("load.settle", &text.settle, 10.0)?;
    if sample_s < 1.0 || sample_s > step_s {
        return wrong("load.sample", "must last at least 1s and at most a step");
    }
    Ok(Load { by_hour, step_s: step_s as u64, sample_s, settle_s })
}

fn faults(text: Option<Vec<FaultText>>, load: &Load, topology: &Topology) -> Result<Vec<Fault>, Wrong> {
    let usual = |lose| FaultText { lose, at: None, lasts: None };
    let given = text.is_some();
    let faults = text.unwrap_or_else(|| [Lose::Instance, Lose::Zone, Lose::Cache].map(usual).into());
    let mut checked = Vec::new();
    for fault in faults {
        let what = match fault.lose {
            Lose::Instance => What::Instance,
            Lose::Zone => What::Zone,
            Lose::Cache => What::Cache,
            Lose::Primary => What::Primary,
        };
        let missing = match what {
            What::Cache if topology.cache.is_none() => Some("the plan has no cache to lose"),
            What::Primary if topology.database.is_none() => Some("the plan has no database to lose"),
            What::Zone if topology.zones < 2 => Some("one zone is everything; write `zones: 2` or more"),
            _ => None,
        };
        match missing {
            Some(why) if given => return wrong("faults", why),
            Some(_) => continue,
            None => {}
        }
        let lasts_s = fault.lasts.as_deref().map_or(Ok(120.0), |it| duration("faults.for", it))?;
        if !(1.0..=3_600.0).contains(&lasts_s) {
            return wrong("faults.for", "must last from 1s to 1h");
        }
        let at_s = fault.at.as_deref().map_or(Ok(load.peak_s()), |it| time_of_day("faults.at", it))?;
        checked.push(Fault { what, at_s, lasts_s: lasts_s.round() as u64 });
    }
    Ok(checked)
}

fn count(key: &str, value: usize) -> Result<usize, Wrong> {
    if (1..=MOST).contains(&value) { Ok(value) } else { wrong(key, format!("is {value}; write 1 to {MOST}")) }
}

/// A duration in seconds.
pub fn duration(key: &str, text: &str) -> Result<f64, Wrong> {
    parse_duration(text).map(|it| it.as_secs_f64()).map_err(|why| Wrong::Key(key.to_owned(), why))
}

fn share(key: &str, text: &str) -> Result<f64, Wrong> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match number.map(|number| number / 100.0) {
        Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => wrong(key, format!("`{text}` is no share; write a percentage from 0% to 100%")),
    }
}

fn rate(key: &str, text: &str) -> Result<f64, Wrong> {
    let number = text.trim().strip_suffix("/s").and_then(|number| number.trim().parse::<f64>().ok());
    match number {
        Some(rate) if rate.is_finite() && (0.0..=1e7).contains(&rate) => Ok(rate),
        _ => wrong(key, format!("`{text}` is no rate; write requests a second, such as `300/s`")),
    }
}

fn time_of_day(key: &str, text: &str) -> Result<u64, Wrong> {
    let parts = text
        .split_once(':')
        .and_then(|(hours, minutes)| Some((hours.parse::<u64>().ok()?, minutes.parse::<u64>().ok()?)));
    match parts {
        Some((hours, minutes)) if hours < 24 && minutes < 60 => Ok(hours * 3600 + minutes * 60),
        _ => wrong(key, format!("`{text}` is no time of day; write it in quotes, such as \"20:30\"")),
    }
}

fn priced(
    key: &str,
    kind: Kind,
    usd_per_hour: Option<&str>,
    sku: Option<&str>,
) -> Result<Option<PricedBy>, Wrong> {
    match (usd_per_hour, sku) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            wrong(key, "has a `sku` and `usd_per_hour`; write one of them, as each is a price")
        }
        (None, Some(sku)) => {
            Ok(Some(PricedBy::Sku { service: SERVICES[kind as usize], sku: sku.trim().to_owned() }))
        }
        (Some(text), None) => match text.parse::<Decimal>() {
            Ok(price) if !price.is_sign_negative() => Ok(Some(PricedBy::Hour(price))),
            _ => wrong(
                &format!("{key}.usd_per_hour"),
                format!("`{text}` is no price; write dollars such as \"0.0416\""),
            ),
        },
    }
}
