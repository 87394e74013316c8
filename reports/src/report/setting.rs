use record::{Git, Host, Model, Run, State, TargetInfo, Window, unit::show_number};
use serde::Serialize;

use crate::{read::Evidence, words};

/// What was run, and on what.
#[derive(Debug, Clone, Serialize)]
pub struct Setting {
    /// The scenario's name.
    pub scenario: String,
    /// What it says it is about.
    pub about: String,
    /// Its file name.
    pub file: String,
    /// SHA-256 of the scenario with every setting that changed it.
    pub sha256: String,
    /// Seed of arrivals, think times, choices and data.
    pub seed: u64,
    /// The commit the run was started from.
    pub git: Option<Git>,
    /// The program that made the load: name and version.
    pub generator: String,
    /// The machine that made the load.
    pub host: Host,
    /// The service under test.
    pub target: TargetInfo,
    /// First instant of load, RFC 3339 UTC.
    pub start: String,
    /// The same as people write it.
    pub start_text: String,
    /// Last answer, RFC 3339 UTC; absent when the generator was killed.
    pub end: Option<String>,
    /// How far the run came.
    pub state: State,
    /// How load was offered.
    pub model: Model,
    /// The same in a sentence.
    pub model_text: String,
    /// Users that could be in flight at once (open), or the most there were (closed).
    pub max_users: u64,
    /// The load profile.
    pub stages: Vec<Stage>,
    /// Planned length.
    pub planned_s: f64,
    /// Seconds recorded.
    pub recorded_s: u64,
    /// Seconds measured but not judged.
    pub warm_up_s: u64,
    /// What was judged.
    pub judged: Window,
}

/// A stage of the load profile, in place.
#[derive(Debug, Clone, Serialize)]
pub struct Stage {
    /// Where it begins.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// Load at its start: users, or iterations a second.
    pub from: f64,
    /// Load at its end.
    pub to: f64,
    /// `0 → 400/s`, `1,000 users`.
    pub short: String,
    /// `ramp from 0 to 400 iterations/s over 40 s`.
    pub text: String,
}

/// What was run, and on what.
pub fn setting(evidence: &Evidence) -> Setting {
    let (run, record) = (&evidence.record.run, &evidence.record);
    Setting {
        scenario: run.scenario.name.clone(),
        about: run.scenario.about.clone(),
        file: run.scenario.file.clone(),
        sha256: run.scenario.sha256.clone(),
        seed: run.seed,
        git: run.git.clone(),
        generator: generator(run),
        host: run.host.clone(),
        target: run.target.clone(),
        start: run.start.clone(),
        start_text: words::instant(&run.start),
        end: run.end.clone(),
        state: run.state,
        model: run.model,
        model_text: match run.model {
            Model::Closed => "closed: each user waits for its answer before it goes on".to_owned(),
            Model::Open => {
                "open: arrivals by the clock, whether or not earlier ones were answered".to_owned()
            }
        },
        max_users: run.max_users,
        stages: stages(&run.stages, run.model),
        planned_s: run.planned_s(),
        recorded_s: record.recorded_s(),
        warm_up_s: run.warm_up_s,
        judged: record.judged(),
    }
}

fn generator(run: &Run) -> String {
    let name = format!("{} {}", run.generator.name, run.generator.version);
    match (&run.part, &run.merged) {
        (Some(part), _) => format!("{name}, part {} of {} of the load (from 0)", part.index, part.of),
        (_, Some(merged)) if merged.hosts.len() > 1 => {
            format!("{name}, {} processes on {} machines", merged.parts.len(), merged.hosts.len())
        }
        (_, Some(merged)) => format!("{name}, {} processes", merged.parts.len()),
        _ => name,
    }
}

fn stages(stages: &[record::Stage], model: Model) -> Vec<Stage> {
    let (short, long) = match model {
        Model::Closed => (" users", " users"),
        Model::Open => ("/s", " iterations/s"),
    };
    let mut at = 0.0;
    let placed = stages.iter().map(|stage| {
        let from_s = at;
        at += stage.seconds;
        let (from, to, over) = (show_number(stage.from), show_number(stage.to), words::length(stage.seconds));
        let hold = stage.from == stage.to;
        Stage {
            from_s,
            to_s: at,
            from: stage.from,
            to: stage.to,
            short: if hold { format!("{to}{short}") } else { format!("{from} → {to}{short}") },
            text: if hold {
                format!("hold {to}{long} for {over}")
            } else {
                format!("ramp from {from} to {to}{long} over {over}")
            },
        }
    });
    placed.collect()
}
