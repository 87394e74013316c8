use std::{fs, path::Path};

use record::{Model, State};
use rust_decimal::Decimal;

use super::*;
use crate::{capacity::Basis, cost::Part, fixture::Fixture};

/// Runs at five loads, of which the two highest break p95 ≤ 40 ms.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let loads = [(40, 0.8), (80, 0.9), (120, 1.0), (140, 2.0), (150, 4.0)];
    let write = |(per_s, slower): (u64, f64)| {
        let fixture = Fixture {
            warm_up_s: 10,
            level: per_s as f64,
            per_s,
            slower,
            failed_per_s: 0,
            budgets: vec![(None, "p95", "40ms")],
            ..Fixture::default()
        };
        let path = folder.join(format!("at-{per_s}"));
        fixture.write(&path);
        path
    };
    loads.map(write).into()
}

fn planned(phases: Option<&str>) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let records = runs(folder.path());
    let path = phases.map(|text| {
        let path = folder.path().join("phases.yaml");
        fs::write(&path, text).unwrap();
        path
    });
    plan(&records, path.as_deref(), None).unwrap()
}

const GIVEN: &str = "\
version: 1
assume:
  requests_per_user: 0.5
  machine: 1
  peak_over_mean: 2
  target_utilisation: 0.6
  bytes_per_request: 1024
  cache_hit_ratio: 0.85
  queries_per_request: 0.5
  write_ratio: 0.4
  queries_per_vcpu: 1000
  bytes_per_user: 1048576
  log_bytes_per_request: 512
  connection_seconds: 100
phases:
  - name: one
    users: 144
    api: { sku: c6i.large }
    database: { sku: db.t3.medium single-az }
  - name: many
    users: 14400
    zones: 3
    balancer: true
    api: { sku: c6i.large, survive: zone }
    database: { sku: db.r6g.xlarge single-az, replicas: 1 }
    also: [{ for: monitoring, service: ec2, sku: t3.medium, count: 2 }]
";

#[test]
fn the_highest_load_that_keeps_its_budgets_is_safe() {
    let found = planned(None);
    assert_eq!((found.safe.rate_per_s, found.safe.breaks_per_s), (120.0, Some(140.0)));
    assert_eq!(found.loads.len(), 5);
    assert!(!found.safe.at_least);
    assert_eq!(found.safe.breaks.as_deref(), Some("p95 ≤ 40 ms"));
    assert!(
        found.answer.sentence.starts_with("Safe up to 120 requests a second. "),
        "{}",
        found.answer.sentence
    );
    assert_eq!(found.inputs[0].text, "120/s");
    assert_eq!(found.inputs[0].range_text, "120/s – 140/s");
}

#[test]
fn the_size_and_the_bill_of_a_phase_are_those_of_the_sums_by_hand() {
    let found = planned(Some(GIVEN));
    // 144 users · 0.5 = 72/s; one instance of 120/s at 60 % carries 72/s.
    let one = &found.phases[0];
    assert_eq!((one.peak_per_s, one.tiers[0].count, one.basis.clone()), (72.0, 1, Basis::Measured));
    // A mean of 36/s · 2,628,000 s.
    assert!((one.requests_a_month - 94_608_000.0).abs() < 1.0, "{}", one.requests_a_month);
    let line = |phase: &PhasePlan, name: &str| {
        let line = phase.bill.lines.iter().find(|line| line.item.name == name).unwrap();
        (line.item.quantity.round_dp(2), line.cost.unwrap())
    };
    let money = |text: &str| text.parse::<Decimal>().unwrap();
    assert_eq!(line(one, "API instances").1, money("62.05")); // 730 · 0.085
    assert_eq!(line(one, "databases").1, money("52.56")); // 730 · 0.072
    assert_eq!(line(one, "database storage"), (money("0.14"), money("0.02"))); // 144 MiB · 0.115
    assert_eq!(line(one, "traffic out"), (money("90.23"), money("8.12"))); // 94,608,000 KiB · 0.09
    // 36/s · 86,400 s · 512 bytes · 30 days
    assert_eq!(line(one, "logs"), (money("44.49"), money("1.02")));
    // 14,400 users: 7,200/s need 100 instances, and 150 to lose one of three zones.
    let many = &found.phases[1];
    assert_eq!(many.tiers[0].count, 150);
    assert_eq!(line(many, "API instances").1, money("9307.50")); // 150 · 62.05
    // 3,600 queries/s, 1,440 of them writes; one of four processors takes 4,000/s, at 60 % 2,400/s: one primary, and a
    // replica for the reads.
    assert_eq!(
        (many.tiers[1].count, many.tiers[1].text.as_str()),
        (2, "1 database db.r6g.xlarge + 1 replica")
    );
    assert_eq!(line(many, "databases").1, money("657.00"));
    // 7,200 KiB a second are 24.7 GB an hour, a unit each, more than 144 / 25 for connections or 14,400 / 3,000 for those
    // open; on average of the day half of it.
    assert_eq!(line(many, "balancer units"), (money("9022.52"), money("72.18")));
    assert_eq!(line(many, "monitoring").1, money("60.74")); // 2 · 730 · 0.0416 = 60.736
    // 9,022 GB leave; of as much between tiers two thirds cross a zone, billed at both ends.
    assert_eq!(line(many, "traffic between zones"), (money("12030.03"), money("120.30")));
    assert_eq!(many.bill.total, many.parts.iter().map(|part| part.cost).sum::<Decimal>());
    assert!(!many.at_least && many.bill.unpriced.is_empty());
}

#[test]
fn past_twice_what_was_measured_a_phase_is_refused_as_a_whole_and_names_what_binds_next() {
    let found = planned(Some(GIVEN));
    let Basis::Refused { reason } = &found.phases[1].basis else { panic!("{:?}", found.phases[1].basis) };
    assert!(
        reason.starts_with("7,200/s is 60 times what was measured as a whole, so this is 150 times"),
        "{reason}"
    );
    assert_eq!(
        found.phases[1].binds_next,
        "the database's primary (1,440 of the 4,000 writes a second that one takes)"
    );
    let near = planned(Some(&GIVEN.replace("users: 14400", "users: 400")));
    assert_eq!(near.phases[1].basis_text, "extrapolated (×1.67)");
}

#[test]
fn what_was_given_has_no_range_and_moves_nothing() {
    let found = planned(Some(GIVEN));
    let keys: Vec<&str> = found.phases[1].tornado.iter().map(|bar| bar.label).collect();
    // Only the capacity is left with two ends: it holds 120/s and breaks at 140/s.
    assert_eq!(keys, ["capacity of one instance"]);
    assert!(found.phases[1].low < found.phases[1].mid && found.phases[1].mid == found.phases[1].high);
    let free = planned(None);
    assert!(free.phases[2].tornado.len() > 8, "{:?}", free.phases[2].tornado);
    let effects: Vec<Decimal> = free.phases[2].tornado.iter().map(|bar| bar.effect).collect();
    assert!(effects.windows(2).all(|pair| pair[0] >= pair[1]));
}

#[test]
fn without_a_price_the_cost_is_at_least_and_the_item_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let records = runs(folder.path());
    let text = include_str!("../../prices/aws-us-east-1.csv");
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(",t3.medium,")).collect();
    let (prices, phases) = (folder.path().join("prices.csv"), folder.path().join("phases.yaml"));
    fs::write(&prices, kept.join("\n")).unwrap();
    fs::write(&phases, GIVEN).unwrap();
    let found = plan(&records, Some(&phases), Some(&prices)).unwrap();
    let many = &found.phases[1];
    assert!(many.at_least && many.monthly_text.starts_with("at least $"), "{}", many.monthly_text);
    assert_eq!(many.bill.unpriced, ["monitoring: no price of ec2 t3.medium (on-demand) in the catalogue"]);
    assert!(found.caveats.iter().any(|note| note.starts_with("The cost of many is a floor: monitoring")));
    assert_eq!(
        many.bill.of(Part::Other),
        many.bill.lines.iter().find(|line| line.item.name == "logs").unwrap().cost.unwrap()
    );
}

#[test]
fn records_that_find_no_limit_say_at_least_and_those_that_keep_none_give_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let records = runs(folder.path());
    let found = plan(&records[..2], None, None).unwrap();
    assert!(found.safe.at_least);
    assert!(
        found.answer.sentence.starts_with("Safe up to at least 80 requests a second. Nothing bound"),
        "{}",
        found.answer.sentence
    );
    let failure = plan(&records[3..], None, None).unwrap_err();
    assert_eq!(failure.exit, record::Exit::Invalid);
    assert!(failure.message.contains("already the lowest load, 140/s, breaks its budgets"), "{failure}");
    let free = folder.path().join("free");
    Fixture { warm_up_s: 10, budgets: Vec::new(), ..Fixture::default() }.write(&free);
    let failure = plan(&[free], None, None).unwrap_err();
    assert!(failure.message.contains("set no budget"), "{failure}");
    let empty = folder.path().join("empty");
    Fixture { per_s: 0, failed_per_s: 0, ..Fixture::default() }.write(&empty);
    let failure = plan(&[empty], None, None).unwrap_err();
    assert_eq!(failure.exit, record::Exit::NoData);
    assert!(failure.message.contains("empty was left out: No data"), "{failure}");
    let killed = folder.path().join("killed");
    Fixture { state: State::Running, ..Fixture::default() }.write(&killed);
    let failure = plan(&[killed], None, None).unwrap_err();
    assert_eq!(failure.exit, record::Exit::Invalid);
}

#[test]
fn users_of_a_closed_run_say_what_one_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed");
    Fixture {
        model: Model::Closed,
        warm_up_s: 10,
        failed_per_s: 0,
        budgets: vec![(None, "p95", "1s")],
        ..Fixture::default()
    }
    .write(&path);
    let found = plan(&[path], None, None).unwrap();
    // Fifty users and 100 answers a second.
    assert_eq!((found.safe.requests_per_user, found.safe.users), (Some(2.0), Some(50.0)));
    assert!(
        found.answer.sentence.starts_with("Safe up to at least 50 users at once, 100 requests a second."),
        "{}",
        found.answer.sentence
    );
}

#[test]
fn the_same_records_give_the_same_bytes() {
    let (one, other) = (planned(None), planned(None));
    assert_eq!(crate::export::json(&one).unwrap(), crate::export::json(&other).unwrap());
    assert_eq!(crate::export::plan_html(&one), crate::export::plan_html(&other));
}

/// A real search of the embedded service, of which some steps were kept.
const SEARCH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/search");

/// A copy of it with its answer changed.
fn changed(folder: &Path, change: impl Fn(&mut record::Capacity)) -> PathBuf {
    let mut search = record::Capacity::read(Path::new(SEARCH)).unwrap();
    change(&mut search);
    let path = folder.join("search");
    fs::create_dir_all(&path).unwrap();
    search.write(&path).unwrap();
    path
}

#[test]
fn a_search_says_what_is_safe_what_binds_and_what_it_was_like() {
    let found = plan(&[SEARCH.into()], None, None).unwrap();
    // As the search itself says: 9,050 iterations a second hold, 9,460 do not.
    assert!((found.safe.rate_per_s - 9887.88).abs() < 0.01, "{:?}", found.safe);
    assert!((found.safe.breaks_per_s.unwrap() / found.safe.rate_per_s - 9460.0 / 9050.0).abs() < 1e-9);
    assert_eq!(found.safe.binds, "the processor of the target");
    assert_eq!(found.safe.held, ["held for 30 s", "recovered 12 s after a push to 1.5×"]);
    assert_eq!((found.loads.len(), found.safe.tone), (15, crate::report::Tone::Good));
    // Loads whose steps were kept have intervals, the others the percentiles of the search.
    let at = |set: f64| found.loads.iter().find(|load| load.set == set).unwrap();
    assert!(
        at(9050.0).p95.interval.is_some() && at(200.0).p95.us.is_some() && at(200.0).p95.interval.is_none()
    );
    assert_eq!((at(6400.0).keeps, at(12_800.0).keeps), (Some(true), Some(false)));
    let service = &found.busy[0];
    assert_eq!(service.name, "service processor");
    assert!((0.9..=1.0).contains(&service.most), "{service:?}");
    let fit = found.fit.as_ref().unwrap();
    assert!(fit.cache.is_some() && fit.demands[0].resource == "cpu_seconds");
    // One processor was measured, and a machine with two is not taken to carry more.
    assert_eq!(found.phases[1].tiers[0].count, 3);
    assert_eq!(found.phases[found.next].users, 100_000.0);
}

#[test]
fn a_rate_that_was_not_kept_up_is_not_safe() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(folder.path(), |search| search.answer.soak.as_mut().unwrap().held = Some(false));
    let found = plan(&[path], None, None).unwrap();
    // The next lower rate that holds is 6,400 iterations a second.
    assert!((found.safe.rate_per_s - 7021.1).abs() < 0.1, "{:?}", found.safe);
    assert!((found.safe.breaks_per_s.unwrap() - 9887.88).abs() < 0.01);
    assert_eq!(found.safe.held[0], "more was not kept up for 30 s");
    assert_eq!(found.safe.tone, crate::report::Tone::Warn);
    // Of two searches the more careful one counts.
    let both = plan(&[SEARCH.into(), folder.path().join("search")], None, None).unwrap();
    assert_eq!(both.safe.rate_per_s, found.safe.rate_per_s);
}

#[test]
fn a_search_without_an_answer_gives_no_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = changed(folder.path(), |search| {
        search.answer.requests_per_s = None;
        search.sentence = "No answer: the generator was the limit.".into();
    });
    let failure = plan(&[path], None, None).unwrap_err();
    assert_eq!(failure.exit, record::Exit::Invalid);
    assert!(failure.message.contains("found no rate that holds: No answer: the generator"), "{failure}");
}

#[test]
fn a_closed_run_beside_a_search_says_how_much_a_user_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed");
    Fixture { model: Model::Closed, warm_up_s: 10, failed_per_s: 0, ..Fixture::default() }.write(&path);
    let found = plan(&[SEARCH.into(), path], None, None).unwrap();
    assert_eq!(found.safe.requests_per_user, Some(2.0));
    assert_eq!((found.safe.users.unwrap() * 2.0).round(), 9888.0);
    let pace = found.inputs.iter().find(|input| input.key == Key::RequestsPerUser).unwrap();
    assert!(pace.from.starts_with("the users of two <requests> & more"), "{}", pace.from);
    assert!(
        found.answer.sentence.starts_with("Safe up to 4,943 users at once, 9,888 requests a second."),
        "{}",
        found.answer.sentence
    );
    assert_eq!(found.loads.len(), 15, "the run is no point of the search");
}
