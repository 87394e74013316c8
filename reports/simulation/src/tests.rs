use proptest::prelude::*;

use crate::*;

fn tier(instances: usize, workers: u32, service: Service) -> Tier {
    Tier { instances, workers, queue: usize::MAX, service }
}

fn alone(api: Tier) -> Topology {
    Topology {
        balancer: None,
        api,
        cache: None,
        database: None,
        writes: 0.0,
        timeout_ns: u64::MAX,
        zones: 1,
        detect_ns: 0,
        least_busy: false,
    }
}

fn whole() -> Topology {
    let constant = |s| Service::Constant(s);
    Topology {
        balancer: Some(tier(2, 4, constant(0.0001))),
        api: tier(4, 2, Service::Exponential(0.004)),
        cache: Some(Cache { tier: tier(2, 1, constant(0.0002)), hits: 0.8, refill_ns: ns(2.0) }),
        database: Some(Database {
            shards: 2,
            replicas: 1,
            workers: 4,
            queue: 100,
            read: Service::Exponential(0.005),
            write: Service::Erlang { phases: 4, mean_s: 0.008 },
            failover_ns: ns(3.0),
        }),
        writes: 0.1,
        timeout_ns: ns(1.0),
        zones: 2,
        detect_ns: ns(1.0),
        least_busy: true,
    }
}

fn simulated(
    topology: &Topology,
    rate_per_s: f64,
    seconds: &[f64],
    outages: &[Outage],
    seed: u64,
) -> Vec<Bin> {
    let load: Vec<Stretch> = seconds.iter().map(|to_s| Stretch { to_ns: ns(*to_s), rate_per_s }).collect();
    run(Work { topology, load: &load, outages, seed, stream: 0 }, &mut |_| ()).0
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_another() {
    let of = |seed| {
        let bin = &simulated(&whole(), 300.0, &[20.0], &[], seed)[0];
        (bin.offered, bin.answered, bin.waited_ns, bin.busy_ns)
    };
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn arrivals_come_at_the_rate_of_their_stretch() {
    let topology = alone(tier(1, 1000, Service::Constant(0.001)));
    let load = [(10.0, 1000.0), (20.0, 0.0), (30.0, 4000.0)];
    let load = load.map(|(to_s, rate_per_s)| Stretch { to_ns: ns(to_s), rate_per_s });
    let bins =
        run(Work { topology: &topology, load: &load, outages: &[], seed: 3, stream: 0 }, &mut |_| ()).0;
    // Five standard deviations of a Poisson count.
    assert!((bins[0].offered as f64 - 10_000.0).abs() < 500.0, "{}", bins[0].offered);
    assert_eq!(bins[1].offered, 0);
    assert!((bins[2].offered as f64 - 40_000.0).abs() < 1_000.0, "{}", bins[2].offered);
}

#[test]
fn each_tier_is_as_busy_as_its_share_of_the_requests_makes_it() {
    let bin = &simulated(&whole(), 400.0, &[200.0], &[], 5)[0];
    let busy = bin.busy_ns.map(|ns| ns as f64 / 200e9);
    // Reads are 90 % of 400/s; a fifth of them miss.
    let expected = [400.0 * 0.0001, 400.0 * 0.004, 360.0 * 0.0002, 72.0 * 0.005 + 40.0 * 0.008];
    for (busy, expected) in busy.into_iter().zip(expected) {
        assert!((busy / expected - 1.0).abs() < 0.02, "{busy} against {expected}");
    }
    assert_eq!(bin.answered, bin.offered);
}

#[test]
fn an_instance_lost_takes_its_requests_with_it_until_the_balancer_sees_it() {
    let outage = |what| [Outage { what, from_ns: ns(10.0), to_ns: ns(20.0) }];
    let ends = [10.0, 11.0, 20.0, 30.0];
    let lost = |bins: &[Bin]| bins.iter().map(|bin| bin.failed).collect::<Vec<_>>();
    let instance = lost(&simulated(&whole(), 400.0, &ends, &outage(What::Instance), 1));
    assert!(instance[1] > 30 && instance[2] == 0 && instance[3] == 0, "{instance:?}");
    // A write has no primary for three seconds; then the replica takes its place.
    let ends = [10.0, 13.0, 20.0, 30.0];
    let primary = lost(&simulated(&whole(), 400.0, &ends, &outage(What::Primary), 1));
    assert!(primary[1] > 30 && primary[2] == 0 && primary[3] == 0, "{primary:?}");
}

#[test]
fn a_cache_lost_sends_every_read_to_the_database_and_comes_back_cold() {
    let outage = [Outage { what: What::Cache, from_ns: ns(10.0), to_ns: ns(20.0) }];
    let bins = simulated(&whole(), 200.0, &[10.0, 20.0, 21.0, 30.0, 40.0], &outage, 1);
    let database = |bin: &Bin, seconds: f64| bin.busy_ns[3] as f64 / seconds / 1e9;
    let (before, without) = (database(&bins[0], 10.0), database(&bins[1], 10.0));
    assert!((before / (36.0 * 0.005 + 20.0 * 0.008) - 1.0).abs() < 0.2, "{before}");
    assert!((without / (180.0 * 0.005 + 20.0 * 0.008) - 1.0).abs() < 0.1, "{without}");
    let (cold, warm) = (database(&bins[2], 1.0), database(&bins[4], 10.0));
    assert!(cold > 1.5 * warm && (warm / before - 1.0).abs() < 0.2, "{cold} {warm} {before}");
}

#[test]
fn a_tier_that_cannot_keep_up_turns_away_and_times_out_and_comes_back() {
    let mut topology = alone(tier(1, 1, Service::Constant(0.01)));
    topology.timeout_ns = ns(0.5);
    let late = &simulated(&topology, 200.0, &[30.0], &[], 1)[0];
    assert!(late.timed_out > late.offered / 3 && late.response.max() <= 511_000, "{}", late.response.max());
    topology.api.queue = 10;
    let full = &simulated(&topology, 200.0, &[30.0], &[], 1)[0];
    assert!(full.dropped > full.offered / 3 && full.timed_out == 0);
    assert!(full.response.max() <= 111_000, "{}", full.response.max());
}

#[test]
fn measured_times_are_drawn_as_often_as_they_were_measured() {
    let slices = vec![
        Slice { up_to: 0.9, from_s: 0.001, to_s: 0.003 },
        Slice { up_to: 1.0, from_s: 0.080, to_s: 0.120 },
    ];
    let service = Service::Measured(slices);
    assert!((service.mean_s() - 0.0118).abs() < 1e-12);
    let bin = &simulated(&alone(tier(1, 10_000, service)), 1000.0, &[60.0], &[], 1)[0];
    let (p50, p95) = (bin.response.value_at_quantile(0.5), bin.response.value_at_quantile(0.95));
    assert!((p50 as f64 - 2_111.0).abs() < 30.0 && (p95 as f64 - 100_000.0).abs() < 1_500.0, "{p50} {p95}");
    assert!((bin.response.mean() / 11_800.0 - 1.0).abs() < 0.03);
}

#[test]
fn named_distributions_have_their_means() {
    for service in [
        Service::Exponential(0.01),
        Service::Erlang { phases: 5, mean_s: 0.01 },
        Service::LogNormal { median_s: 0.008, spread: 0.668 },
    ] {
        let bin = &simulated(&alone(tier(1, 10_000, service.clone())), 5000.0, &[40.0], &[], 1)[0];
        let mean_s = bin.response.mean() / 1e6;
        assert!((mean_s / service.mean_s() - 1.0).abs() < 0.01, "{service:?}: {mean_s}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_request_that_arrives_has_one_fate(
        rate in 1.0f64..2_000.0, instances in 1usize..5, workers in 1u32..4, queue in 0usize..50, shards in 1usize..4,
        replicas in 0usize..3, zones in 1usize..4, timeout_s in 0.001f64..2.0, from_s in 0.0f64..6.0, what in 0usize..4, least_busy: bool,
    ) {
        let mut topology = whole();
        topology.api = Tier { instances, workers, queue, service: Service::Exponential(0.003) };
        (topology.timeout_ns, topology.zones, topology.least_busy) = (ns(timeout_s), zones, least_busy);
        if let Some(database) = &mut topology.database {
            (database.shards, database.replicas, database.queue) = (shards, replicas, queue);
        }
        let what = [What::Instance, What::Zone, What::Cache, What::Primary][what];
        let outages = [Outage { what, from_ns: ns(from_s), to_ns: ns(from_s + 1.0) }];
        for bin in simulated(&topology, rate, &[2.0, 4.0, 6.0], &outages, 9) {
            prop_assert_eq!(bin.offered, bin.answered + bin.timed_out + bin.dropped + bin.failed);
            prop_assert_eq!(bin.answered, bin.response.len());
            prop_assert!(bin.response.is_empty() || bin.response.max() as f64 <= timeout_s * 1e6 * 1.001 + 1.0);
        }
    }
}
