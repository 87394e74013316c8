use std::fs;

use rand::{SeedableRng, rngs::ChaCha8Rng};
use rand_distr::{Distribution, Normal};
use record::Exit;

use super::*;

fn fitted(text: &str, asked: &Asked) -> Result<Fitting, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("points.csv");
    fs::write(&path, text).unwrap();
    fitting(&[path], asked)
}

/// SPEC SDM91 as in the R package usl, with latencies of N/X.
const SPECSDM91: &str = "load,throughput,latency_ms\n1,64.9,15.4\n18,995.9,18.1\n36,1652.4,21.8\n72,1853.2,38.9\n\
                         108,1828.9,59.1\n144,1775.0,81.1\n216,1702.2,126.9\n";

#[test]
fn a_published_data_set_tells_its_peak_its_knee_and_its_limits() {
    let asked =
        Asked { slo_s: Some(0.05), at: vec![50.0, 300.0, 1000.0], servers: Some(1), ..Asked::default() };
    let found = fitted(SPECSDM91, &asked).unwrap();
    assert!(
        (found.peak.concurrency - 96.52).abs() < 0.05
            && found.peak.basis == super::super::Basis::Interpolated
    );
    let at = found.peak_concurrency_interval.unwrap();
    assert!(at.low.unwrap() < 96.5 && 96.5 < at.high.unwrap(), "{at:?}");
    let knee = found.knee.as_ref().unwrap();
    assert_eq!((knee.concurrency, knee.next_concurrency), (72.0, Some(108.0)));
    assert_eq!(
        found.predictions.iter().map(|it| it.throughput_per_s.is_some()).collect::<Vec<_>>(),
        [true, true, false]
    );
    // Seven points, three parameters: the correction for small samples weighs more than the fall.
    assert!(
        found.notes.iter().any(|note| note.starts_with("AICc prefers contention alone")),
        "{:?}",
        found.notes
    );

    let text = crate::export::fit(&found);
    let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for says in [
        "peak: 1,884/s at N = 96.5, interpolated 1,799 – 1,996/s by bootstrap of the residuals (95 %)",
        "knee: 1,853/s at N = 72, measured: the highest load that keeps its limit (the next measured is 108)",
        "σ contention 0.02773 0.009122 0.002402 – 0.05305 0.01345",
        "residual standard error 82.8/s on 4 degrees of freedom; λ/σ = 3,246/s",
        "refused: 1,000 is 4.63 times the highest load measured, 216",
        "M/M/1 (Erlang C), service 15.4 ms as at the lowest load",
    ] {
        assert!(squeezed.contains(says), "{says} in\n{text}");
    }
    assert!(text.lines().all(|line| line.trim_end() == line && !line.contains('\u{1b}')), "{text}");
}

#[test]
fn the_same_points_give_the_same_bytes() {
    let json = || crate::export::json(&fitted(SPECSDM91, &Asked::default()).unwrap()).unwrap();
    let first = json();
    assert_eq!(first, json());
    let tree: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(tree["schema"], "headroom.fit/1");
    assert_eq!(tree["points"][3]["concurrency"], 72.0);
}

#[test]
fn a_law_without_a_fall_tells_no_peak_and_says_what_explains_it_as_well() {
    let found = fitted("n,x\n1,10\n2,18.2\n4,30.8\n8,46.9\n16,64.2\n32,78.1\n", &Asked::default()).unwrap();
    let text = crate::export::fit(&found);
    assert!(text.starts_with("peak: refused: "), "{text}");
    assert!(text.contains("note: AICc prefers contention alone (Amdahl) by "), "{text}");
}

#[test]
fn three_loads_are_refused_with_the_exit_code_of_no_verdict() {
    let failure = fitted("n,x\n1,10\n2,18\n4,30\n4,31\n", &Asked::default()).unwrap_err();
    assert_eq!(failure.exit, Exit::Invalid);
    assert!(failure.message.starts_with("3 different loads cannot tell"), "{failure}");
}

#[test]
fn a_capacity_search_is_read_as_points_up_to_where_its_budgets_break() {
    let folder = tempfile::tempdir().unwrap();
    // One server of 2.5 ms (M/M/1): 1/(400 − rate) seconds on average.
    let rates: Vec<serde_json::Value> = [100.0, 200.0, 300.0, 350.0, 380.0, 395.0]
        .iter()
        .map(|rate: &f64| {
            let mean_us = 1e6 / (400.0 - rate);
            serde_json::json!({
                "rate_per_s": rate, "trials": 2, "limited": 0,
                "decision": if *rate < 360.0 { "holds" } else { "breaks" },
                "requests_per_s": rate,
                "response": { "n": 9000, "min_us": 2500, "mean_us": mean_us, "p50_us": 3000, "p90_us": 9000,
                    "p95_us": (3.0 * mean_us) as u64, "p99_us": (4.6 * mean_us) as u64, "p999_us": null, "max_us": 900_000 },
                "evidence": [], "observed": [],
            })
        })
        .collect();
    let search = serde_json::json!({
        "schema": "headroom.capacity/1", "generator": { "name": "loadgen", "version": "0.1.0" },
        "scenario": { "name": "s", "about": "", "file": "s.yaml", "text": "", "sha256": "" }, "git": null, "seed": 1,
        "host": { "cpu": "", "cores": 2, "memory_bytes": 0, "kernel": "", "open_files_limit": 0 },
        "target": { "base_url": "http://127.0.0.1:1", "loopback": true }, "start": "", "end": "", "max_users": 100,
        "budgets": [], "method": { "confidence": 0.95, "precision": 0.05, "trial_s": 10, "max_rate_per_s": null, "soak_s": 0 },
        "answer": { "kind": "found", "low_per_s": 350.0, "high_per_s": 380.0, "requests_per_s": 350.0, "users": null,
            "limited_by": null, "binding": null, "saturated": null, "soak": null, "overshoot": null },
        "sentence": "", "rates": rates, "steps": [],
    });
    fs::write(folder.path().join("capacity.json"), search.to_string()).unwrap();
    let found = fitting(&[folder.path().to_path_buf()], &Asked::default()).unwrap();
    assert_eq!((found.axis, found.points.len()), (Axis::InFlight, 6));
    assert_eq!(found.knee.unwrap().throughput_per_s, 350.0);
    // M/M/1 holds N = X/(400 − X), so X = 400·N/(1 + N): the law with σ = 1/2 and λ = 200/s.
    assert!((found.law.sigma.value - 0.5).abs() < 1e-3 && (found.law.lambda_per_s.value - 200.0).abs() < 0.2);
}

#[test]
fn from_loads_below_60_per_cent_of_the_knee_the_capacity_is_told_within_10_per_cent_or_refused() {
    let truth = Law { sigma: 0.02, kappa: 0.0006, lambda_per_s: 40.0 };
    let highest = truth.throughput_per_s(truth.peak().unwrap());
    let noise = Normal::new(1.0, 0.02).unwrap();
    let loads = (1..40).map(f64::from).filter(|n| truth.throughput_per_s(*n) < 0.6 * highest);
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let rows =
            loads.clone().map(|n| format!("{n},{}\n", truth.throughput_per_s(n) * noise.sample(&mut rng)));
        let found = fitted(&format!("n,x\n{}", rows.collect::<String>()), &Asked::default()).unwrap();
        let told = found.peak.throughput_per_s;
        let refused = matches!(found.peak.basis, Basis::Refused { .. });
        let near = told.is_some_and(|peak| (peak / highest - 1.0).abs() <= 0.1);
        assert!(near || refused, "seed {seed}: {:?} against {highest}", found.peak);
    }
}

#[test]
fn a_peak_just_beyond_the_loads_measured_is_told_where_they_bound_it() {
    let truth = Law { sigma: 0.02, kappa: 0.0006, lambda_per_s: 40.0 };
    let wobble = [1.004, 0.997, 1.0, 1.003, 0.998, 1.002, 0.996, 1.001];
    let loads = [1.0, 4.0, 8.0, 12.0, 18.0, 24.0, 30.0, 36.0];
    let rows =
        loads.iter().zip(wobble).map(|(n, wobble)| format!("{n},{}\n", truth.throughput_per_s(*n) * wobble));
    let found = fitted(&format!("n,x\n{}", rows.collect::<String>()), &Asked::default()).unwrap();
    let highest = truth.throughput_per_s(truth.peak().unwrap());
    assert!(matches!(found.peak.basis, Basis::Extrapolated { .. }), "{:?}", found.peak);
    assert!((found.peak.throughput_per_s.unwrap() / highest - 1.0).abs() < 0.02, "{:?}", found.peak);
}
