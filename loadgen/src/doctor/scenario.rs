//! The scenarios of the doctor's own runs, as files that `loadgen run` reads like any other.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use record::Stage;

use super::{behaviour::Load, server::WORK};
use crate::plan::model::Process;

/// Users that can be in flight at once in an open run: more than any behaviour holds back.
const IN_FLIGHT: usize = 400;

/// The scenario that puts `load` on the known server at `address` for `seconds`. Requests are POSTs, which are never sent
/// a second time: every reset is one failure.
pub fn of(name: &str, load: Load, seconds: f64, address: SocketAddr) -> String {
    let (load, on_start) = match load {
        Load::Open { process, rate } => (arrivals(process, &[(rate, seconds)]), CONNECT),
        Load::Closed { users, pacing, arrive } => {
            let (pacing, arrive) = (span(pacing), span(arrive));
            let stages = format!("[ {{ to: {users}, over: {arrive} }}, {{ hold: {seconds}s }} ]");
            (format!("  users:\n    pacing: {pacing}\n    stages: {stages}\n"), "")
        }
    };
    head(name, address) + "load:\n" + &load + on_start + &flow(WORK)
}

/// A scenario of even arrivals in steps of (rate per second, seconds), each answered at once.
pub fn steps(name: &str, steps: &[(f64, f64)], address: SocketAddr) -> String {
    head(name, address) + "load:\n" + &arrivals(Process::Constant, steps) + CONNECT + &flow("/plain")
}

/// A scenario in which `few` users come, and some seconds later `many`; each asks once and then keeps its connection.
pub fn idle(name: &str, few: u64, many: u64, address: SocketAddr) -> String {
    let stages = format!(
        "[ {{ users: {few}, hold: 2s }}, {{ to: {many}, over: 2s }}, {{ users: {many}, hold: 2s }} ]"
    );
    head(name, address) + "load:\n  users:\n    think: 10m\n    stages: " + &stages + "\n" + &flow("/plain")
}

/// The stages of an open run, as the schedule has them.
pub fn stages(rate: f64, seconds: f64) -> [Stage; 1] {
    [Stage { from: rate, to: rate, seconds }]
}

/// Every user of an open run opens its connection before the load begins.
const CONNECT: &str = "on_start:\n  - { post: /plain, name: connect }\n";

fn head(name: &str, address: SocketAddr) -> String {
    format!("version: 1\nname: doctor {name}\ntarget: {{ base_url: \"http://{address}\", timeout: 20s }}\n")
}

fn flow(path: &str) -> String {
    format!("flows:\n  - name: work\n    steps: [ {{ post: {path}, name: work }} ]\n")
}

fn arrivals(process: Process, steps: &[(f64, f64)]) -> String {
    let process = match process {
        Process::Constant => "constant",
        Process::Poisson => "poisson",
    };
    let mut text =
        format!("  arrivals:\n    process: {process}\n    max_in_flight: {IN_FLIGHT}\n    stages:\n");
    for (rate, seconds) in steps {
        let _ = writeln!(text, "      - {{ rate: {rate}/s, hold: {seconds}s }}");
    }
    text
}

fn span(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        arrival::Schedule,
        doctor::behaviour::{ALL, INSTANT},
        plan::{self, Overrides, model},
    };

    fn read(text: &str) -> model::Plan {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scenario.yaml");
        fs::write(&file, text).unwrap();
        plan::load(&file, &Overrides::default()).unwrap()
    }

    #[test]
    fn every_scenario_is_read_as_the_load_that_the_truth_is_computed_for() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9));
        for behaviour in ALL.into_iter().chain([INSTANT]) {
            let plan = read(&of(behaviour.name, behaviour.load, behaviour.seconds, address));
            match (behaviour.load, &plan.load) {
                (
                    Load::Open { process, rate },
                    model::Load::Arrivals { process: read, stages: found, .. },
                ) => {
                    assert_eq!(process, *read);
                    assert_eq!(stages(rate, behaviour.seconds).as_slice(), found.as_slice());
                    // Enough of them for the 99.9th percentile, errors left out.
                    let expected = Schedule::new(found, process, 1).count() as f64;
                    let share = behaviour.rules.resets.map_or(1.0, |resets| 1.0 - resets.share);
                    assert!(expected * share > 3_800.0, "{}: {expected}", behaviour.name);
                }
                (Load::Closed { pacing, users, .. }, model::Load::Users { pacing: read, stages, .. }) => {
                    assert_eq!(Some(pacing), *read);
                    assert_eq!(stages.last().unwrap().to, f64::from(users));
                    let lasts: f64 = stages.iter().map(|stage| stage.seconds).sum();
                    assert_eq!(lasts, behaviour.lasts(behaviour.seconds));
                }
                (wanted, found) => panic!("{wanted:?} became {found:?}"),
            }
        }
        let stepped = read(&steps("rate", &[(100.0, 1.0), (200.0, 1.0)], address));
        assert!(matches!(stepped.load, model::Load::Arrivals { stages, .. } if stages.len() == 2));
        read(&idle("users", 10, 1000, address));
    }
}
