use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rand::Rng;
use record::{Generator, Host, Model, Run, SCHEMA, ScenarioText, State, TargetInfo};

use super::default_folder;
use crate::{
    control::Control,
    engine::{Ceiling, Engine, Parts},
    host,
    observe::Observers,
    plan::model::{Action, Flow, Load, Plan},
    stop::Stop,
    target::{self, Started},
    transport::{Origin, TlsOptions, Transport},
    witness::Witness,
};

/// What the command line says of a load beside its scenario.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// Accept any TLS certificate.
    pub insecure: bool,
    /// Folder for what is measured, if it is not to be named after the scenario and the time.
    pub out: Option<&'a Path>,
    /// The seed, if it is not to be random.
    pub seed: Option<u64>,
    /// Most requests a second to a target beyond this machine.
    pub max_rate: f64,
}

/// All that is ready when the load may begin.
pub struct Prepared {
    pub engine: &'static Engine,
    pub observers: Observers,
    pub target: Option<Started>,
    pub run: Run,
    pub folder: PathBuf,
}

/// Checks what can be checked before the first packet, starts the target if the scenario says how, and waits for it.
pub async fn prepare(plan: Plan, setting: Setting<'_>) -> Result<Prepared, Stop> {
    let limit = host::raise_open_files_limit();
    check_open_files(&plan, limit)?;
    let transport = reach(&plan, setting.insecure).await?;
    let origin = Origin::of(&plan.target.base_url).map_err(Stop::Usage)?;
    let addresses = transport.resolve(&origin).await.map_err(|failure| Stop::Usage(failure.detail))?;
    let loopback = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    if !loopback {
        check_rate(&plan, setting.max_rate)?;
    }
    #[expect(clippy::disallowed_methods, reason = "a record says when the run began")]
    let started_at = chrono::Utc::now();
    let folder =
        setting.out.map(Path::to_path_buf).unwrap_or_else(|| default_folder(&plan.name, started_at.into()));
    record::refuse_taken(&folder)?;
    fs::create_dir_all(&folder).map_err(|error| Stop::Usage(format!("{}: {error}", folder.display())))?;
    let control = Arc::default();
    listen_for_signals(&control)?;
    let tls = tls_options(&plan, setting.insecure);
    let mut target = target::start(&plan, &folder.join("target.log"))?;
    if let Err(why) = target::wait(&plan.target, &tls, &origin, target.as_mut(), &control).await {
        // Leaves no empty folder behind; one with a target's log in it stays.
        let _ = fs::remove_dir(&folder);
        return Err(if control.interrupted() { Stop::Interrupted } else { Stop::NoData(format!("{why:#}")) });
    }
    let observers = Observers::new(&plan, &tls).map_err(|error| Stop::Usage(format!("{error:#}")))?;
    #[expect(clippy::disallowed_methods, reason = "a seed that nobody chose; the record keeps it")]
    let seed = setting.seed.unwrap_or_else(|| u64::from(rand::rng().next_u32()));
    let parts = Parts {
        seed,
        threads: host::cores(),
        transport,
        control,
        witness: Witness::default(),
        ceiling: (!loopback).then(|| Ceiling::new(setting.max_rate)),
        header_counts: observers.headers(),
    };
    let engine = Engine::start(plan, parts).map_err(Stop::Usage)?;
    let mut run = describe(engine, host::host(limit), loopback, started_at);
    run.observed = observers.defined();
    Ok(Prepared { engine, observers, target, run, folder })
}

/// How requests will go, once it is clear that they may go to the plan's target.
///
/// # Errors
/// The target is not on this machine and nobody allowed it.
pub async fn reach(plan: &Plan, insecure: bool) -> Result<Transport, Stop> {
    let transport = Transport::new(&plan.allow, &tls_options(plan, insecure), &plan.target.wire)
        .map_err(|error| Stop::Usage(format!("{error:#}")))?;
    let origin = Origin::of(&plan.target.base_url).map_err(Stop::Usage)?;
    match transport.resolve(&origin).await {
        Ok(_) => Ok(transport),
        Err(failure) if failure.kind == "not_allowed" => Err(Stop::Usage(failure.detail)),
        Err(failure) => Err(Stop::NoData(failure.detail)),
    }
}

fn tls_options(plan: &Plan, insecure: bool) -> TlsOptions {
    TlsOptions { ca: plan.target.ca.clone(), insecure, identity: plan.target.wire.client_certificate.clone() }
}

fn check_open_files(plan: &Plan, limit: u64) -> Result<(), Stop> {
    let needed = peak_users(plan) + 100;
    if needed <= limit {
        return Ok(());
    }
    Err(Stop::Usage(format!(
        "{} users need about {needed} open files, this process may have {limit}: raise the limit (`ulimit -n {needed}`) or \
         run with fewer users (`--scale`)",
        peak_users(plan)
    )))
}

fn check_rate(plan: &Plan, max_rate: f64) -> Result<(), Stop> {
    let Load::Arrivals { stages, .. } = &plan.load else { return Ok(()) };
    let peak = stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max);
    if peak <= max_rate {
        return Ok(());
    }
    Err(Stop::Usage(format!(
        "the scenario asks for {peak}/s of a target beyond this machine, more than the ceiling of {max_rate}/s; if its owner \
         agreed to that, add `--max-rate {peak}`"
    )))
}

/// The most users that are there at once.
fn peak_users(plan: &Plan) -> u64 {
    match &plan.load {
        Load::Users { stages, .. } => {
            stages.iter().map(|stage| stage.from.max(stage.to)).fold(0.0, f64::max).ceil() as u64
        }
        Load::Arrivals { max_in_flight, .. } => *max_in_flight as u64,
    }
}

fn listen_for_signals(control: &Arc<Control>) -> Result<(), Stop> {
    let control = control.clone();
    // Before Goose, which would install its own. The second signal ends the process at once.
    let installed = ctrlc::set_handler(move || {
        if control.interrupted() {
            std::process::exit(i32::from(record::Exit::Interrupted.code()));
        }
        control.interrupt();
    });
    installed.map_err(|error| Stop::Internal(format!("signal handler: {error}")))
}

fn describe(engine: &Engine, host: Host, loopback: bool, start: chrono::DateTime<chrono::Utc>) -> Run {
    let plan = &engine.plan;
    let file = plan.source.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (model, stages) = match &plan.load {
        Load::Users { stages, .. } => (Model::Closed, stages),
        Load::Arrivals { stages, .. } => (Model::Open, stages),
    };
    let mut base_url = plan.target.base_url.clone();
    // A record is passed around; what is secret in a URL is not.
    let _ = base_url.set_username("");
    let _ = base_url.set_password(None);
    Run {
        schema: SCHEMA.to_owned(),
        state: State::Running,
        generator: Generator { name: "loadgen".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        scenario: ScenarioText {
            name: plan.name.clone(),
            about: plan.about.clone(),
            file,
            text: plan.source.text.clone(),
            sha256: plan.source.sha256.clone(),
        },
        git: host::git(),
        seed: engine.seed,
        host,
        target: TargetInfo { base_url: base_url.to_string(), loopback },
        start: start.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        end: None,
        model,
        stages: stages.clone(),
        max_users: peak_users(plan),
        warm_up_s: plan.warm_up.as_secs(),
        budgets: plan.budgets.clone(),
        observed: Vec::new(),
        part: None,
        merged: None,
        caveats: caveats(plan, loopback),
        totals: None,
        judgement: None,
    }
}

fn caveats(plan: &Plan, loopback: bool) -> Vec<String> {
    let mut caveats = Vec::new();
    if let Load::Users { think: None, pacing: None, .. } = &plan.load {
        let pauses = |flow: &Flow| flow.steps.iter().any(|step| matches!(step.action, Action::Think(_)));
        if !plan.flows.iter().any(pauses) {
            caveats.push(
                "Closed model without think time or pacing: users wait for the target, so a stall delays the requests that \
                 would have shown it; percentiles are of what was sent (coordinated omission)."
                    .to_owned(),
            );
        }
    }
    if loopback {
        caveats.push(
            "Generator and target shared this machine: each took processor time from the other.".to_owned(),
        );
    }
    caveats
}
