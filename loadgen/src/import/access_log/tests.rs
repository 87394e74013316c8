use std::io::Write;

use clap::Parser;
use flate2::{Compression, write::GzEncoder};

use super::*;
use crate::import::journey::Load;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: AccessLog,
}

fn options(arguments: &[&str]) -> AccessLog {
    let line = ["import", "access.log"].into_iter().chain(arguments.iter().copied());
    Line::try_parse_from(line).unwrap().options
}

fn journey_of(text: &str, arguments: &[&str]) -> Journey {
    let options = options(arguments);
    let tally = count(text.as_bytes(), &options).unwrap();
    plan::journey(tally, &options).unwrap()
}

const DAY: &str = include_str!("../fixtures/access.log");

#[test]
fn a_log_becomes_flows_by_their_share_and_stages_by_the_hour() {
    let journey = journey_of(DAY, &["--every", "1h"]);
    let flows: Vec<(&str, f64)> =
        journey.flows.iter().map(|it| (it.name.as_str(), it.weight.unwrap())).collect();
    assert_eq!(flows, [("GET /tasks/:id", 5.0), ("GET /tasks", 3.0), ("POST /tasks", 1.0)]);
    let Load::Arrivals { stages, .. } = &journey.load else { panic!("by the clock") };
    // 10:20:00 to 13:10:09: forty minutes, two hours, ten minutes and ten seconds.
    let told: Vec<(f64, f64)> =
        stages.iter().map(|it| (it.seconds, (it.rate * it.seconds).round())).collect();
    assert_eq!(told, [(2400.0, 4.0), (3600.0, 2.0), (3600.0, 0.0), (610.0, 3.0)]);
}

#[test]
fn a_faster_replay_sends_the_same_requests_in_less_time_and_an_amplified_one_more_of_them() {
    let shape = |arguments: &[&str]| {
        let Load::Arrivals { stages, .. } = journey_of(DAY, arguments).load else { panic!("by the clock") };
        let requests: f64 = stages.iter().map(|it| it.rate * it.seconds).sum();
        let thousandths = |number: f64| (number * 1000.0).round() / 1000.0;
        (thousandths(stages.iter().map(|it| it.seconds).sum()), thousandths(requests))
    };
    assert_eq!(shape(&[]), (10_210.0, 9.0));
    assert_eq!(shape(&["--speed", "100"]), (102.1, 9.0));
    assert_eq!(shape(&["--amplify", "3"]), (10_210.0, 27.0));
}

#[test]
fn crawlers_assets_scanners_and_noise_are_left_out_and_told() {
    let journey = journey_of(DAY, &[]);
    let notes = journey.notes.join("\n");
    for part in [
        "9 of 15 lines",
        "1 line of crawlers",
        "2 lines for pictures",
        "1 line never answered",
        "no HTTP request",
        "form that is known",
    ] {
        assert!(notes.contains(part), "{part} is missing in\n{notes}");
    }
    assert!(!notes.contains("s3cret"));
    let all = journey_of(DAY, &["--with-bots", "--with-assets", "--with-failures"]);
    assert_eq!(all.flows.iter().filter_map(|it| it.weight).sum::<f64>(), 13.0);
    assert_eq!(journey_of(DAY, &["--read-only"]).flows.len(), 2);
}

#[test]
fn ids_become_a_data_file_the_most_popular_first_and_secrets_leave_the_query() {
    let journey = journey_of(DAY, &[]);
    let rows: Vec<(&str, Vec<&str>)> = journey
        .data
        .iter()
        .map(|it| (it.set.as_str(), it.rows.iter().map(|row| row[0].as_str()).collect()))
        .collect();
    assert_eq!(rows[0], ("tasks_id", vec!["7", "42", "99"]));
    assert_eq!(rows[1].1.len(), 3);
    assert!(rows[1].1.contains(&"/tasks?page=2"), "{rows:?}");
    assert!(!format!("{rows:?}").contains("s3cret"));
}

#[test]
fn a_gzipped_log_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log.gz");
    let mut packed = GzEncoder::new(std::fs::File::create(&file).unwrap(), Compression::fast());
    packed.write_all(DAY.as_bytes()).unwrap();
    packed.finish().unwrap();
    let mut options = options(&[]);
    options.common.file = file;
    assert_eq!(journey(&options).unwrap().flows.len(), 3);
}

#[test]
fn a_file_that_is_no_log_is_told_what_would_be_one() {
    let options = options(&[]);
    for (text, part) in [("", "empty"), ("hello\nworld\n", "no line of 2 is a request"), ("\n\n", "empty")] {
        let tally = count(text.as_bytes(), &options).unwrap();
        let message = plan::journey(tally, &options).unwrap_err();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_line_without_end_costs_no_memory() {
    let text = format!("{}\n{}", "x".repeat(300_000), DAY);
    let tally = count(text.as_bytes(), &options(&[])).unwrap();
    assert_eq!(tally.lines, 16);
}

/// Requests of each name that a checked plan sends in each stage: its arrivals by the flows' shares.
fn expected(plan: &crate::plan::Plan) -> Vec<Vec<(String, f64)>> {
    let crate::plan::model::Load::Arrivals { stages, .. } = &plan.load else { panic!("by the clock") };
    let weights: f64 = plan.flows.iter().map(|flow| flow.weight).sum();
    let of_stage = |stage: &record::Stage| {
        let iterations = (stage.from + stage.to) / 2.0 * stage.seconds;
        plan.flows.iter().map(|flow| (flow.name.clone(), iterations * flow.weight / weights)).collect()
    };
    stages.iter().map(of_stage).collect()
}

#[test]
fn the_checked_plan_sends_the_logs_mix_at_the_logs_hourly_rate() {
    // 24 hours, each with its own rate and all with one mix, made by arithmetic: 100,000 lines.
    let paths = ["/api/tasks", "/api/tasks/ID", "/api/products?page=ID", "/api/me", "/search?q=ID"];
    let mut log = String::new();
    let (mut lines, mut hourly, mut by_path) = (0_usize, [0.0; 24], [0.0; 5]);
    while lines < 100_000 {
        let hour = (lines * 7 + lines / 13) % 24;
        let hour = if lines % 3 == 0 { hour / 2 + 6 } else { hour };
        let path = [0, 0, 0, 1, 1, 1, 1, 2, 3, 4][lines % 10];
        let second = lines * 37 % 3600;
        let target = paths[path].replace("ID", &(lines % 250).to_string());
        log += &format!(
            "10.0.{}.{} - - [21/Nov/2026:{hour:02}:{:02}:{:02} +0000] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"x\"\n",
            lines / 256 % 256,
            lines % 256,
            second / 60,
            second % 60
        );
        (hourly[hour], by_path[path]) = (hourly[hour] + 1.0, by_path[path] + 1.0);
        lines += 1;
    }
    for arguments in [&[][..], &["--speed", "60", "--amplify", "2"]] {
        let journey = journey_of(&log, arguments);
        let plan = crate::import::output::checked(&Journey { name: "x".to_owned(), ..journey }).unwrap();
        let times = if arguments.is_empty() { 1.0 } else { 2.0 };
        let expected = expected(&plan);
        assert_eq!(expected.len(), 24);
        for (stage, logged) in expected.iter().zip(hourly) {
            let sent: f64 = stage.iter().map(|(_, requests)| requests).sum();
            assert!((sent / (logged * times) - 1.0).abs() < 0.001, "{sent} for {logged}");
        }
        for (path, logged) in paths.iter().zip(by_path) {
            let name = format!("GET {}", path.split('?').next().unwrap().replace("ID", ":id"));
            let sent: f64 =
                expected.iter().flatten().filter(|(it, _)| *it == name).map(|(_, requests)| requests).sum();
            assert!((sent / (logged * times) - 1.0).abs() < 0.001, "{name}: {sent} for {logged}");
        }
    }
}

#[test]
fn visits_send_what_single_requests_do() {
    let single = journey_of(DAY, &["--every", "1h"]);
    let visits = journey_of(DAY, &["--every", "1h", "--sessions"]);
    let (Load::Arrivals { stages: single, .. }, Load::Arrivals { stages, .. }) = (&single.load, &visits.load)
    else {
        panic!()
    };
    // The mean length of a visit, from what the flows say of themselves.
    let (mut requests, mut weights) = (0.0, 0.0);
    for flow in &visits.flows {
        use crate::import::journey::Action;
        let rounds = match &flow.steps[0].action {
            Action::Loop(times, _) => {
                match times.trim_start_matches("${int(").trim_end_matches(")}").split_once(',') {
                    Some((from, to)) => (from.parse::<f64>().unwrap() + to.parse::<f64>().unwrap()) / 2.0,
                    None => times.parse().unwrap(),
                }
            }
            _ => 1.0,
        };
        requests += rounds * flow.weight.unwrap();
        weights += flow.weight.unwrap();
    }
    for (single, visit) in single.iter().zip(stages) {
        assert!((visit.rate * requests / weights - single.rate).abs() < 1e-9, "{visit:?} {single:?}");
    }
    crate::import::output::checked(&Journey { name: "x".to_owned(), ..visits }).unwrap();
}
