use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rand::Rng;
use record::{Generator, Host, Model, Part, Run, SCHEMA, ScenarioText, State, TargetInfo};

use super::default_folder;
use crate::{
    control::Control,
    doctor,
    engine::{Ceiling, Engine, Parts},
    host,
    observe::Observers,
    plan::model::{Load, Plan, pauses},
    share::Share,
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
    /// Most requests a second to a target beyond this machine, of all processes together.
    pub max_rate: f64,
    /// Processes of this machine that share the load; 1 unless it is `--workers`.
    pub workers: u64,
    /// The share of the load that this process offers.
    pub share: Share,
    /// Whether another process of this machine started this one for its share, and sees to the target, the signals and
    /// the verdict.
    pub is_worker: bool,
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
    check_users(&plan, &setting, limit)?;
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
    listen_for_signals(&control, setting.is_worker)?;
    let tls = tls_options(&plan, setting.insecure);
    let mut target = target::start(&plan, &folder.join("target.log"))?;
    if let Err(why) = target::wait(&plan.target, &tls, &origin, target.as_mut(), &control).await {
        // Leaves no empty folder behind; one with a target's log in it stays.
        let _ = fs::remove_dir(&folder);
        return Err(if control.interrupted() { Stop::Interrupted } else { Stop::NoData(format!("{why:#}")) });
    }
    let mut observers = Observers::new(&plan, &tls).map_err(|error| Stop::Usage(format!("{error:#}")))?;
    if setting.is_worker {
        observers = observers.of_answers_only();
    }
    #[expect(clippy::disallowed_methods, reason = "a seed that nobody chose; the record keeps it")]
    let seed = setting.seed.unwrap_or_else(|| u64::from(rand::rng().next_u32()));
    let parts = Parts {
        seed,
        threads: host::cores(),
        transport,
        control,
        witness: Witness::default(),
        share: setting.share,
        ceiling: (!loopback).then(|| Ceiling::new(setting.max_rate / setting.share.of() as f64)),
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

/// Whom the plan trusts, and who it says it is.
pub fn tls_options(plan: &Plan, insecure: bool) -> TlsOptions {
    TlsOptions { ca: plan.target.ca.clone(), insecure, identity: plan.target.wire.client_certificate.clone() }
}

/// Files that a process has open beside a connection for each user.
const OTHER_FILES: u64 = 100;

/// Refuses more users in one process than may be connected, and more processes than there are users.
fn check_users(plan: &Plan, setting: &Setting<'_>, limit: u64) -> Result<(), Stop> {
    let all = plan.load.peak_users();
    let processes = setting.workers.max(setting.share.of());
    if all < processes {
        return Err(Stop::Usage(format!(
            "{all} users cannot be shared by {processes} processes; use {all} or fewer"
        )));
    }
    let users = all.div_ceil(processes);
    let each = plan.connections_of_user();
    let needed = users * each + OTHER_FILES;
    if needed <= limit {
        return Ok(());
    }
    let enough = (all * each).div_ceil(limit.saturating_sub(OTHER_FILES).max(1));
    let several = if setting.share.is_whole() {
        format!("share them among processes (`--workers {enough}`)")
    } else {
        format!("share them among more processes (`--shard I/{enough}`)")
    };
    let at_once = if each > 1 { format!(" with up to {each} requests at once") } else { String::new() };
    Err(Stop::Usage(format!(
        "{users} users{at_once} need about {needed} open files, a process may have {limit} here: {several}, raise the limit (`ulimit \
         -n {needed}`) or run with fewer users (`--scale`)",
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

fn listen_for_signals(control: &Arc<Control>, is_worker: bool) -> Result<(), Stop> {
    let control = control.clone();
    // Before Goose, which would install its own. The second signal ends the process at once.
    let installed = ctrlc::set_handler(move || {
        if is_worker {
            // A terminal's Ctrl-C goes to all processes; the parent says what is to be done.
            return;
        }
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
    let share = engine.share;
    let (model, all, stages) = match &plan.load {
        Load::Users { stages, .. } => (Model::Closed, stages, share.of_users(stages)),
        Load::Arrivals { stages, .. } => (Model::Open, stages, share.of_rates(stages)),
    };
    let max_users = plan.load.peak_users();
    let part = || Part { index: share.index(), of: share.of(), stages: all.clone(), max_users };
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
        certificate: doctor::quoted(&host, start),
        host,
        target: TargetInfo { base_url: base_url.to_string(), loopback },
        start: start.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        end: None,
        model,
        stages,
        max_users: share.users(max_users),
        warm_up_s: plan.warm_up.as_secs(),
        budgets: plan.budgets.clone(),
        observed: Vec::new(),
        part: (!share.is_whole()).then(part),
        merged: None,
        caveats: caveats(plan, loopback),
        adjustments: Vec::new(),
        totals: None,
        judgement: None,
    }
}

fn caveats(plan: &Plan, loopback: bool) -> Vec<String> {
    let mut caveats = Vec::new();
    if let Load::Users { think: None, pacing: None, .. } = &plan.load
        && !plan.flows.iter().any(|flow| pauses(&flow.steps))
    {
        caveats.push(
            "Closed model without think time or pacing: users wait for the target, so a stall delays the requests that \
             would have shown it; percentiles are of what was sent (coordinated omission)."
                .to_owned(),
        );
    }
    if loopback {
        caveats.push(
            "Generator and target shared this machine: each took processor time from the other.".to_owned(),
        );
    }
    caveats
}
