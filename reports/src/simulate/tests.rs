use std::{fs, path::PathBuf};

use simulation::{Bin, Outage, Service, Stretch, Tier, Topology, Work};

use super::*;
use crate::{fixture::Fixture, stats};

/// One queue in front of `workers`, offered `rate_per_s` for as long as `customers` take to arrive.
fn queue(workers: u32, service: Service, rate_per_s: f64, customers: f64, seed: u64) -> Bin {
    let topology = Topology {
        balancer: None,
        api: Tier { instances: 1, workers, queue: usize::MAX, service },
        cache: None,
        database: None,
        writes: 0.0,
        timeout_ns: u64::MAX,
        zones: 1,
        detect_ns: 0,
        least_busy: false,
    };
    let end_s = customers / rate_per_s;
    // The first hundredth, from an empty queue, is not counted.
    let load = [0.01 * end_s, end_s].map(|to_s| Stretch { to_ns: simulation::ns(to_s), rate_per_s });
    let outages: [Outage; 0] = [];
    let work = Work { topology: &topology, load: &load, outages: &outages, seed, stream: 0 };
    simulation::run(work, &mut |_| ()).0.remove(1)
}

fn near(name: &str, found: f64, truth: f64) {
    assert!((found / truth - 1.0).abs() <= 0.02, "{name}: {found} against {truth}");
}

/// Customers that make the standard error of the mean wait at most 0.8 %: near saturation one long queue is remembered
/// for as long as `1/(1−ρ)²` (Whitt, *Management Science* 35, 1989).
const CUSTOMERS: [(f64, f64); 3] = [(0.5, 2e6), (0.8, 4e6), (0.95, 3e7)];

#[test]
fn waiting_is_that_of_erlangs_formula_at_half_at_four_fifths_and_at_19_of_20() {
    let service_s = 0.01;
    for servers in [1, 4] {
        for (busy, customers) in CUSTOMERS {
            let tier = stats::Tier { servers, service_s };
            let rate = busy * f64::from(servers) / service_s;
            let bin = queue(servers, Service::Exponential(service_s), rate, customers, 1);
            let name = format!("M/M/{servers} at {busy}");
            near(&name, bin.waited_ns as f64 / 1e9 / bin.answered as f64, tier.wait_s(rate).unwrap());
            let p99 = bin.waiting.value_at_quantile(0.99) as f64 / 1e6;
            near(&format!("{name}, p99"), p99, tier.wait_quantile_s(rate, 0.99).unwrap());
            let used = bin.busy_ns[1] as f64 / 1e9 / (0.99 * customers / rate) / f64::from(servers);
            near(&format!("{name}, busy"), used, busy);
        }
    }
}

#[test]
fn waiting_for_a_service_that_always_takes_as_long_is_that_of_m_d_1() {
    let service_s = 0.01;
    for (busy, customers) in CUSTOMERS {
        let rate = busy / service_s;
        let bin = queue(1, Service::Constant(service_s), rate, customers, 2);
        let name = format!("M/D/1 at {busy}");
        near(
            &name,
            bin.waited_ns as f64 / 1e9 / bin.answered as f64,
            stats::constant_service_wait_s(rate, service_s).unwrap(),
        );
        for quantile in [0.9, 0.99] {
            let truth = stats::constant_service_wait_quantile_s(rate, service_s, quantile).unwrap();
            near(&format!("{name}, {quantile}"), bin.waiting.value_at_quantile(quantile) as f64 / 1e6, truth);
        }
    }
}

const PLAN: &str = r#"
version: 1
name: a small day
seed: 3
replications: 5
load: { mean: 60/s, step: 2h, sample: 20s, settle: 5s }
requests: { writes: 10%, timeout: 1s }
zones: 2
balancer: { instances: 2, workers: 2, service: { constant: 100us }, usd_per_hour: "0.0225" }
api: { instances: 2, workers: 2, service: { exponential: 8ms }, detect: 2s, usd_per_hour: "0.0416" }
cache: { instances: 2, workers: 1, service: { constant: 200us }, hits: 80%, refill: 20s, usd_per_hour: "0.017" }
database: { shards: 1, replicas: 1, workers: 2, read: { log_normal: { p50: 4ms, p99: 30ms } }, write: { erlang: { phases: 4, mean: 9ms } }, usd_per_hour: "0.072" }
faults:
  - { lose: instance, at: "21:00", for: 30s }
  - { lose: zone }
  - { lose: cache, for: 40s }
  - { lose: primary, for: 60s }
"#;

fn simulated(text: &str) -> Result<Simulation, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.yaml");
    fs::write(&path, text).unwrap();
    simulate(&path, None)
}

#[test]
fn a_day_and_what_is_lost_in_it_come_to_figures_with_intervals() {
    let found = simulated(PLAN).unwrap();
    assert_eq!((found.day.len(), found.faults.len(), found.tiers.len()), (12, 4, 4));
    assert_eq!(found.day[found.peak].at, "20:00");
    for step in &found.day {
        let it = &step.figures;
        assert_eq!(it.offered, it.answered + it.timed_out + it.dropped + it.failed);
        let interval = it.p95.interval.unwrap();
        let p95 = it.p95.us.unwrap() as f64;
        assert!(interval.low.unwrap() <= p95 && p95 <= interval.high.unwrap(), "{it:?}");
    }
    let instance = &found.faults[0];
    assert!(
        instance.during.failed > 100 && instance.before.failed < 10 && instance.after.failed == 0,
        "{}",
        instance.sentence
    );
    let cache = &found.faults[2];
    assert!(cache.during.utilisation[3] > cache.before.utilisation[3]);
    assert_eq!(cache.during.utilisation[2], Some(0.0));
    // 48 h of 0.0225, 0.0416, 0.017 and 0.072: 1.08 + 2.00 + 0.82 + 3.46 to the cent.
    assert_eq!(found.cost.a_day.unwrap().to_string(), "7.36");
    assert_eq!(found.cost.text, "192 instance-hours a day: $7.36, by the plan's own prices of an hour.");
    assert!(found.sentence.starts_with("At its peak, "), "{}", found.sentence);
}

#[test]
fn the_same_plan_gives_the_same_bytes_on_any_number_of_processors() {
    let json = || crate::export::json(&simulated(PLAN).unwrap()).unwrap();
    assert_eq!(json(), json());
}

#[test]
fn one_price_less_makes_the_day_cost_at_least() {
    let found = simulated(&PLAN.replace(", usd_per_hour: \"0.072\"", "")).unwrap();
    assert_eq!((found.cost.lines[3].a_day, found.cost.lines[3].text.as_str()), (None, "no price"));
    assert!(
        found.cost.text.contains("at least $3.90") && found.cost.text.contains("without a price: database"),
        "{}",
        found.cost.text
    );
}

#[test]
fn service_times_come_from_a_record_beside_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::default().write(&folder.path().join("run"));
    let path = folder.path().join("plan.yaml");
    let plan = |service: &str| PLAN.replace("{ exponential: 8ms }", service);
    fs::write(&path, plan("{ record: run, request: list tasks }")).unwrap();
    let found = simulate(&path, None).unwrap();
    // Service times of the fixture are 0.9 to 24.9 ms, evenly, 13 ms on average.
    let api = &found.tiers[1];
    assert!(
        api.service.starts_with("service time of list tasks in run, 800 answers, mean 12.9 ms"),
        "{}",
        api.service
    );
    fs::write(&path, plan("{ record: run, request: lost tasks }")).unwrap();
    let message = simulate(&path, None).unwrap_err().message;
    assert!(
        message.contains("api.service: run timed no request `lost tasks`; it has list tasks, one/task"),
        "{message}"
    );
    fs::write(&path, plan("{ record: run, observed: db_p95 }")).unwrap();
    let message = simulate(&path, None).unwrap_err().message;
    assert!(message.contains("run observes no histogram `db_p95`"), "{message}");
    fs::write(&path, plan("{ record: nowhere }")).unwrap();
    assert!(simulate(&path, None).unwrap_err().message.contains("no run record"));
}

#[test]
fn what_is_wrong_in_a_plan_is_named_by_its_key() {
    for (from, to, says) in [
        ("version: 1", "version: 2", "version: is 2; this program reads version 1"),
        ("mean: 60/s", "mean: 60", "load.mean: `60` is no rate"),
        ("hits: 80%", "hits: 120%", "cache.hits: `120%` is no share"),
        ("exponential: 8ms", "exponential: 8", "api.service: `8` is not a duration"),
        ("{ exponential: 8ms }", "{}", "api.service: write one of `constant: 5ms`"),
        ("{ lose: zone }", "{ lose: zone, at: \"25:00\" }", "faults.at: `25:00` is no time of day"),
        ("zones: 2", "zones: 1", "faults: one zone is everything"),
        ("step: 2h", "step: 7h", "load.step: must divide a day"),
        ("replications: 5", "replications: 0", "replications: is 0"),
        (
            "instances: 2, workers: 2, service: { constant",
            "instances: 0, workers: 2, service: { constant",
            "balancer.instances: is 0",
        ),
        ("p50: 4ms, p99: 30ms", "p50: 40ms, p99: 30ms", "database.read: `p99` must be above `p50`"),
        ("\"0.0416\"", "\"cheap\"", "api.usd_per_hour: `cheap` is no price"),
        ("seed: 3", "sead: 3", "plan.yaml:4:1: unknown field `sead`"),
        ("mean: 60/s", "mean: 0/s", "load: no request arrives all day"),
    ] {
        let failure = simulated(&PLAN.replace(from, to)).unwrap_err();
        assert!(failure.message.contains(says), "{says}: {failure}");
    }
    let missing = simulate(&PathBuf::from("/nowhere/plan.yaml"), None).unwrap_err();
    assert!(missing.message.starts_with("cannot read the plan /nowhere/plan.yaml"), "{missing}");
}

/// The small day, its tiers priced by what the catalogue asks for them.
fn by_sku() -> String {
    [
        ("0.0225", "alb"),
        ("0.0416", "t3.medium"),
        ("0.017", "cache.t3.micro"),
        ("0.072", "db.t3.medium single-az"),
    ]
    .iter()
    .fold(PLAN.to_owned(), |plan, (price, sku)| {
        plan.replace(&format!("usd_per_hour: \"{price}\""), &format!("sku: {sku}"))
    })
}

fn priced(plan: &str, prices: impl Fn(&str) -> String) -> Result<Simulation, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = (folder.path().join("plan.yaml"), folder.path().join("prices.csv"));
    fs::write(&path, plan).unwrap();
    fs::write(&file, prices(include_str!("../../prices/aws-us-east-1.csv"))).unwrap();
    simulate(&path, Some(&file))
}

#[test]
fn a_day_costs_what_the_catalogue_given_asks_for_its_machines() {
    let brought = simulated(&by_sku()).unwrap();
    assert_eq!(brought.cost.a_day.unwrap().to_string(), "7.36");
    assert!(
        brought
            .cost
            .text
            .ends_with("$7.36, by the prices of reports/prices/aws-us-east-1.csv (aws us-east-1)."),
        "{}",
        brought.cost.text
    );
    // 48 h of t3.medium at twice its price cost 2.00 more, to the cent 3.99 in place of 2.00.
    let dearer = priced(&by_sku(), |text| text.replace(",0.0416,", ",0.0832,")).unwrap();
    assert_eq!(dearer.cost.a_day.unwrap().to_string(), "9.35");
    assert_eq!(dearer.cost.lines[1].of.as_deref(), Some("ec2 t3.medium"));
    assert_eq!(dearer.day.len(), brought.day.len(), "prices move no request");
    let euros = priced(&by_sku(), |text| text.replace(",USD,", ",EUR,")).unwrap();
    assert!(euros.cost.text.contains("€7.36"), "{}", euros.cost.text);
}

#[test]
fn a_machine_without_a_price_is_named_and_makes_the_day_cost_at_least() {
    let found = priced(&by_sku(), |text| text.replace(",t3.medium,", ",t3.medum,")).unwrap();
    assert!(found.cost.text.contains("at least $5.36") && found.cost.text.ends_with("without a price: API."));
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.starts_with("API: no price of ec2 t3.medium") && note.contains("`t3.medum`")),
        "{:?}",
        found.notes
    );
    let untraced = simulated(&by_sku().replace("db.t3.medium single-az", "db.m6g.large single-az")).unwrap();
    assert!(untraced.notes.iter().any(|note| note.contains("db.m6g.large single-az cannot be traced")));
}

#[test]
fn prices_that_nothing_can_be_priced_by_or_that_do_not_go_together_are_refused() {
    let refused = |plan: &str| priced(plan, |text| text.replace(",USD,", ",EUR,")).unwrap_err().message;
    assert!(refused(PLAN).contains("no tier names a `sku`"), "{}", refused(PLAN));
    let mixed = by_sku().replace("sku: alb", "usd_per_hour: \"0.0225\"");
    assert!(refused(&mixed).contains("has prices in USD"), "{}", refused(&mixed));
    let both = by_sku().replace("sku: alb", "sku: alb, usd_per_hour: \"0.0225\"");
    assert!(refused(&both).contains("balancer: has a `sku` and `usd_per_hour`"), "{}", refused(&both));
}
