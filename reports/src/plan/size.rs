use record::unit::{show_count, show_number};
use serde::Serialize;

use super::{
    inputs::{Key, Values},
    phases::Phase,
};
use crate::cost::{
    Catalogue, Day, HOURS_PER_MONTH, Item, Part, Purchase, Traffic, backup_gb, balancer_units,
    between_zones_gb, bought, gb, instances, log_gb,
};

/// What of the measured system a size needs beside the values that may vary.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// Share of the queries that a miss makes, at the hit ratio planned by.
    pub miss_ratio: f64,
    /// The hit ratio planned by.
    pub hits: f64,
    /// Cores of the machine that was measured, where it is known.
    pub cores: Option<f64>,
}

/// A tier of a phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tier {
    /// What it is.
    pub part: Part,
    /// How many, with those that may be lost.
    pub count: u64,
    /// Of what.
    pub sku: String,
    /// In words: `4 primaries with 1 replica each`.
    pub text: String,
    /// What is asked of it at the peak over what all of it can do, 0..1 and more; nothing where nobody knows.
    pub used_ratio: Option<f64>,
}

/// A phase with its size and what is to be paid for.
#[derive(Debug, Clone)]
pub struct Sized {
    /// Requests a second at the peak.
    pub peak_per_s: f64,
    /// Requests a month.
    pub requests_a_month: f64,
    /// Its tiers.
    pub tiers: Vec<Tier>,
    /// What is shared by all instances, what is asked of one of it and what one takes at the most, in the order in which
    /// they would bind.
    pub shared: Vec<Shared>,
    /// The items of its bill.
    pub items: Vec<Item>,
}

/// Something that all instances share.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// What, in words.
    pub name: &'static str,
    /// What the whole phase asks of it a second.
    pub asked_per_s: f64,
    /// What one of it takes a second.
    pub takes_per_s: f64,
    /// Of what.
    pub of: &'static str,
}

/// Days that logs and backups are kept, and the share of the data that changes a day.
const LOGS_DAYS: f64 = 30.0;
const BACKUP_DAYS: f64 = 7.0;
const CHANGES_A_DAY: f64 = 0.05;
/// Seconds of a month.
const MONTH_S: f64 = HOURS_PER_MONTH * 3600.0;

/// Sizes a phase.
pub fn size(phase: &Phase, values: &Values, ground: &Ground, catalogue: &Catalogue) -> Sized {
    let users = phase.users.0;
    let peak_per_s = users * values.get(Key::RequestsPerUser);
    let day = Day::of(values.get(Key::PeakOverMean));
    let requests_a_month = peak_per_s * day.mean() * MONTH_S;
    let mut sized =
        Sized { peak_per_s, requests_a_month, tiers: Vec::new(), shared: Vec::new(), items: Vec::new() };
    api(&mut sized, phase, values, ground, catalogue, &day);
    database(&mut sized, phase, values, ground, catalogue);
    cache(&mut sized, phase, values);
    network(&mut sized, phase, values, &day);
    for also in &phase.also {
        let count = also.count.0;
        sized.items.extend(machines(
            Part::Other,
            &also.r#for,
            (&also.service, &also.sku),
            count as f64,
            phase,
        ));
    }
    let logs =
        log_gb(requests_a_month / (HOURS_PER_MONTH / 24.0), values.get(Key::LogBytesPerRequest), LOGS_DAYS);
    sized.items.push(Item::new(Part::Other, "logs", ("s3", "standard"), "GB-month", logs));
    sized.shared.sort_by(|a, b| (a.takes_per_s / a.asked_per_s).total_cmp(&(b.takes_per_s / b.asked_per_s)));
    sized
}

/// Machines that run all month, bought as the phase says.
fn machines(part: Part, name: &str, of: (&str, &str), count: f64, phase: &Phase) -> Vec<Item> {
    bought(Item::new(part, name, of, "hour", count * HOURS_PER_MONTH), &phase.purchase)
}

/// Virtual processors of a machine, by the catalogue.
fn vcpu(catalogue: &Catalogue, service: &str, sku: &str) -> Option<f64> {
    let price = catalogue.tiers(service, sku, Purchase::OnDemand).first().and_then(|price| price.vcpu)?;
    price.to_string().parse().ok()
}

fn api(sized: &mut Sized, phase: &Phase, values: &Values, ground: &Ground, catalogue: &Catalogue, day: &Day) {
    let api = &phase.api;
    // Fewer processors than were measured carry less; more are not taken to carry more, for nobody saw it.
    let size = match (vcpu(catalogue, "ec2", &api.sku), ground.cores) {
        (Some(vcpu), Some(cores)) => (vcpu / cores).min(1.0),
        _ => 1.0,
    };
    let capacity = values.get(Key::CapacityPerInstance) * values.get(Key::Machine) * size;
    let utilisation = values.get(Key::TargetUtilisation);
    let of = |share: f64| {
        instances(sized.peak_per_s * share, capacity, utilisation, api.minimum.0, api.survive, phase.zones.0)
    };
    let count = of(1.0);
    let hours = match &api.autoscale {
        Some(scale) => day.autoscaled_hours(scale.lag.0, of) * HOURS_PER_MONTH / 24.0,
        None => count as f64 * HOURS_PER_MONTH,
    };
    let most = if api.autoscale.is_some() { "up to " } else { "" };
    let used_ratio = Some(sized.peak_per_s / (capacity * count as f64));
    sized.tiers.push(Tier {
        part: Part::Api,
        count,
        sku: api.sku.clone(),
        text: format!("{most}{} API {}", show_count(count as i64), api.sku),
        used_ratio,
    });
    sized.items.extend(bought(
        Item::new(Part::Api, "API instances", ("ec2", &api.sku), "hour", hours),
        &phase.purchase,
    ));
}

fn database(sized: &mut Sized, phase: &Phase, values: &Values, ground: &Ground, catalogue: &Catalogue) {
    let database = &phase.database;
    let misses = (1.0 - values.get(Key::CacheHitRatio)) / (1.0 - ground.hits).max(1e-6);
    let queries = values.get(Key::QueriesPerRequest) * (1.0 - ground.miss_ratio + ground.miss_ratio * misses);
    let asked = sized.peak_per_s * queries;
    let writes = asked * values.get(Key::WriteRatio);
    // A machine that the catalogue does not know has no price either; two processors are the least there is.
    let takes =
        vcpu(catalogue, "rds-postgres", &database.sku).unwrap_or(2.0) * values.get(Key::QueriesPerVcpu);
    let room = takes * values.get(Key::TargetUtilisation);
    let up = |asked: f64| (asked / room - 1e-9).ceil().max(1.0) as u64;
    let shards = up(writes).max(database.shards.0);
    let each = up(asked / shards as f64).max(1 + database.replicas);
    let count = shards.saturating_mul(each);
    sized.tiers.push(Tier {
        part: Part::Database,
        count,
        sku: database.sku.clone(),
        text: databases(shards, each - 1, &database.sku),
        used_ratio: Some((asked / (takes * count as f64)).max(writes / (takes * shards as f64))),
    });
    sized.shared.push(Shared {
        name: "the database's primary",
        asked_per_s: writes,
        takes_per_s: takes,
        of: "writes",
    });
    sized.items.extend(machines(
        Part::Database,
        "databases",
        ("rds-postgres", &database.sku),
        count as f64,
        phase,
    ));
    let stored = gb(phase.users.0, values.get(Key::BytesPerUser));
    let all = stored * each as f64;
    sized.items.push(Item::new(
        Part::Database,
        "database storage",
        ("rds", "gp3 storage single-az"),
        "GB-month",
        all,
    ));
    let kept = backup_gb(stored, CHANGES_A_DAY, BACKUP_DAYS);
    sized.items.push(Item::new(Part::Database, "backups", ("s3", "standard"), "GB-month", kept));
}

fn databases(shards: u64, replicas: u64, sku: &str) -> String {
    let sku = sku.split(' ').next().unwrap_or(sku);
    let primaries = match shards {
        1 => "1 database".to_owned(),
        more => format!("{} shards", show_count(more as i64)),
    };
    match replicas {
        0 => format!("{primaries} {sku}"),
        one => {
            let each = if shards > 1 { " each" } else { "" };
            format!("{primaries} {sku} + {}{each}", crate::words::counted(one, "replica", "replicas"))
        }
    }
}

fn cache(sized: &mut Sized, phase: &Phase, values: &Values) {
    let Some(cache) = &phase.cache else { return };
    let takes = values.get(Key::OperationsPerCacheNode);
    let room = takes * values.get(Key::TargetUtilisation);
    let nodes = ((sized.peak_per_s / room - 1e-9).ceil().max(1.0) as u64).max(cache.nodes.0);
    let count = nodes.saturating_mul(1 + cache.copies);
    sized.tiers.push(Tier {
        part: Part::Cache,
        count,
        sku: cache.sku.clone(),
        text: format!("{} {}", crate::words::counted(count, "cache node", "cache nodes"), cache.sku),
        used_ratio: Some(sized.peak_per_s / (takes * nodes as f64)),
    });
    sized.shared.push(Shared {
        name: "a cache node",
        asked_per_s: sized.peak_per_s,
        takes_per_s: takes,
        of: "operations",
    });
    sized.items.extend(machines(
        Part::Cache,
        "cache nodes",
        ("elasticache-redis", &cache.sku),
        count as f64,
        phase,
    ));
}

fn network(sized: &mut Sized, phase: &Phase, values: &Values, day: &Day) {
    let bytes = values.get(Key::BytesPerRequest);
    let out = gb(sized.requests_a_month, bytes);
    let mut put = |name: &str, of: (&str, &str), unit: &str, quantity: f64| {
        sized.items.push(Item::new(Part::Network, name, of, unit, quantity));
    };
    put("traffic out", ("data-transfer", "internet out"), "GB", out);
    let between = between_zones_gb(out, phase.zones.0);
    put("traffic between zones", ("data-transfer", "between zones, per direction"), "GB", between);
    if phase.balancer {
        let peak = Traffic {
            new_per_s: phase.users.0 / values.get(Key::ConnectionSeconds),
            active: phase.users.0,
            bytes_per_s: sized.peak_per_s * bytes,
            requests_per_s: sized.peak_per_s,
            rules: 0.0,
        };
        put("balancer", ("elb", "alb"), "hour", HOURS_PER_MONTH);
        put("balancer units", ("elb", "alb lcu"), "LCU-hour", balancer_units(day, &peak));
    }
    if let Some(nat) = &phase.nat {
        put("gateways", ("vpc", "nat gateway"), "hour", nat.gateways.0 as f64 * HOURS_PER_MONTH);
        put("traffic through gateways", ("vpc", "nat data"), "GB", nat.gb.0);
    }
    if phase.balancer {
        let part = Part::Network;
        sized.tiers.push(Tier {
            part,
            count: 1,
            sku: "alb".to_owned(),
            text: "balancer".to_owned(),
            used_ratio: None,
        });
    }
}

impl Shared {
    /// What it is asked and takes, in words.
    pub fn words(&self) -> String {
        format!(
            "{} ({} of the {} {} a second that one takes)",
            self.name,
            show_number(self.asked_per_s),
            show_number(self.takes_per_s),
            self.of
        )
    }
}
