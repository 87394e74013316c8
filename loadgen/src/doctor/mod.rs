//! `loadgen doctor`: is the ruler straight? A server of known behaviour, real runs against it, and what they report held
//! against what is computed.
//!
//! ```text
//! behaviour ─┬─► scenario ─► load (`loadgen run`) ─► reported ─┐
//!            ├─► dictate ──► server ──────────────► account ───┼─► judge ─► certificate
//!            └─► arrival ──► truth ────────────────────────────┤
//!                            control (a plain client) ─────────┘
//! ```

mod behaviour;
mod ceiling;
mod certificate;
mod control;
mod dictate;
mod judge;
mod load;
mod scenario;
mod server;
mod show;
mod trial;
mod truth;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use record::Exit;

pub use self::certificate::quoted;
use self::{
    behaviour::{ALL, Behaviour, INSTANT},
    certificate::{Certificate, Measured, Outcome, Overhead, RateCeiling, SCHEMA, UserCeiling},
    show::Voice,
    trial::trial,
};
use crate::{cli::DoctorArgs, host, outputs, stop::Stop};

/// What `--only` takes.
pub const NAMES: [&str; 11] = [
    INSTANT.name,
    "fixed",
    "exponential",
    "bimodal",
    "queue",
    "freeze",
    "drip",
    "resets",
    "paced",
    RATE,
    USERS,
];
const RATE: &str = "rate";
const USERS: &str = "users";

/// Trials of one behaviour, when the first ones were disturbed.
const TRIALS: u32 = 4;
/// Repetitions in all: a machine that is never quiet is not waited for.
const REPEATS: u32 = 8;
/// Seed of the first trial; each has its own, so that a repetition is not the same chance again.
const SEED: u64 = 20_260;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the user wants it to stop.
fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Proves, or refutes, that what this program reports on this machine is true.
pub fn doctor(arguments: &DoctorArgs) -> Result<Exit, Stop> {
    let heard = ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed));
    heard.map_err(|error| Stop::Internal(format!("signal handler: {error}")))?;
    match examine(arguments) {
        Err(Stop::Interrupted) => {
            eprintln!("\nstopped; no certificate was written");
            Ok(Exit::Interrupted)
        }
        done => done,
    }
}

fn examine(arguments: &DoctorArgs) -> Result<Exit, Stop> {
    let voice = Voice::new(arguments.quiet, arguments.json);
    let folder = tempfile::Builder::new().prefix("loadgen-doctor-").tempdir()?;
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let limit = host::raise_open_files_limit();
    let machine = host::host(limit);

    let overhead =
        if wanted(INSTANT.name) { Some(overhead(arguments, folder.path(), &voice)?) } else { None };
    let mut behaviours = Vec::new();
    let mut repeats = REPEATS;
    for behaviour in ALL.iter().filter(|behaviour| wanted(behaviour.name)) {
        if behaviours.is_empty() {
            voice.say(&voice.heading(&machine))?;
        }
        let measured = measure(behaviour, arguments, folder.path(), &voice, &mut repeats)?;
        voice.say(&voice.row(&measured))?;
        behaviours.push(measured);
    }
    let rate = if wanted(RATE) { Some(rate(folder.path(), machine.cores, &voice)?) } else { None };
    let users = if wanted(USERS) { Some(users(folder.path(), limit, &voice)?) } else { None };

    let certificate = certify(machine, behaviours, (overhead, rate, users));
    let kept = if certificate.is_proof() { certificate::kept_at() } else { None };
    let written: Vec<&Path> = [arguments.out.as_deref(), kept.as_deref()].into_iter().flatten().collect();
    for path in &written {
        certificate.write(path)?;
    }
    voice.say(&voice.closing(&certificate, &written))?;
    if arguments.json {
        outputs::print_json(&certificate)?;
    }
    Ok(match certificate.outcome {
        Outcome::Straight => Exit::Pass,
        Outcome::Bent => Exit::BudgetMissed,
        Outcome::Disturbed => Exit::Invalid,
    })
}

/// Tries `behaviour` until a trial is straight or something is found wrong that no noise explains. Of trials that were all
/// too slow the least disturbed one counts: noise only ever adds.
fn measure(
    behaviour: &Behaviour,
    arguments: &DoctorArgs,
    folder: &Path,
    voice: &Voice,
    repeats: &mut u32,
) -> Result<Measured, Stop> {
    let seconds = arguments.seconds.unwrap_or(behaviour.seconds);
    let mut best: Option<Measured> = None;
    for attempt in 1..=TRIALS {
        let again = if attempt > 1 { format!(" (trial {attempt})") } else { String::new() };
        voice.doing(&format!("{}: {}{again}", behaviour.name, behaviour.about), behaviour.lasts(seconds));
        let seed = SEED + u64::from(attempt);
        let trial = trial(behaviour, seconds, seed, folder)?;
        let measured = Measured { attempts: attempt, ..judge::judge(behaviour, &trial, seed) };
        // One without a stall would prove more; noise explains no figure that is too small.
        let clean = measured.outcome == Outcome::Straight && measured.why.is_empty();
        if clean || measured.outcome == Outcome::Bent && measured.is_below() {
            return Ok(measured);
        }
        let kept = best.get_or_insert_with(|| measured.clone());
        if (measured.outcome, measured.worst()) < (kept.outcome, kept.worst()) {
            *kept = measured;
        }
        kept.attempts = attempt;
        if attempt == TRIALS || *repeats == 0 {
            break;
        }
        *repeats -= 1;
    }
    Ok(best.expect("there is at least one trial"))
}

fn overhead(arguments: &DoctorArgs, folder: &Path, voice: &Voice) -> Result<Overhead, Stop> {
    let seconds = arguments.seconds.unwrap_or(INSTANT.seconds);
    voice.doing("overhead: an answer that takes no time", seconds);
    let trial = trial(&INSTANT, seconds, SEED, folder)?;
    let summary = trial.summary;
    Ok(Overhead { loadgen: summary.response, plain: trial.control, lag: summary.lag })
}

fn rate(folder: &Path, cores: u64, voice: &Voice) -> Result<RateCeiling, Stop> {
    voice.doing("rate: how many requests a second stay on schedule", 15.0);
    ceiling::rate(folder, cores)
}

fn users(folder: &Path, files: u64, voice: &Voice) -> Result<UserCeiling, Stop> {
    voice.doing("users: what thousands that are connected take", 7.0);
    ceiling::users(folder, files)
}

type Ceilings = (Option<Overhead>, Option<RateCeiling>, Option<UserCeiling>);

fn certify(host: record::Host, behaviours: Vec<Measured>, ceilings: Ceilings) -> Certificate {
    let outcome = behaviours.iter().map(|measured| measured.outcome).max().unwrap_or(Outcome::Straight);
    let complete =
        behaviours.len() == ALL.len() && behaviours.iter().all(|measured| measured.points.len() == 4);
    let (overhead, rate, users) = ceilings;
    #[expect(clippy::disallowed_methods, reason = "a certificate says when it was made")]
    let date = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    Certificate {
        schema: SCHEMA.to_owned(),
        date,
        loadgen: env!("CARGO_PKG_VERSION").to_owned(),
        host,
        passed: outcome == Outcome::Straight && complete,
        outcome,
        sentence: sentence(outcome, &behaviours, complete),
        bound_ratio: judge::BOUND_RATIO,
        bound_us: judge::BOUND_US,
        complete,
        behaviours,
        overhead,
        rate,
        users,
    }
}

fn sentence(outcome: Outcome, behaviours: &[Measured], complete: bool) -> String {
    let named = |outcome: Outcome| {
        let names = behaviours.iter().filter(|measured| measured.outcome == outcome);
        names.map(|measured| measured.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let stalled = behaviours.iter().any(|it| it.outcome == Outcome::Straight && !it.why.is_empty());
    let of_what = if stalled {
        "the truth, or of the server's own account where the machine stalled"
    } else {
        "the truth"
    };
    match outcome {
        _ if behaviours.is_empty() => "Nothing was tried that could be straight or not.".to_owned(),
        Outcome::Straight if complete => format!(
            "The ruler is straight: p50 to p99.9 of all {} behaviours within 1 % or 50 µs of {of_what}, none \
             below what was dictated.",
            behaviours.len()
        ),
        Outcome::Straight => {
            "Straight as far as it was tried; a certificate takes every behaviour at full length.".to_owned()
        }
        Outcome::Disturbed => {
            format!(
                "The machine was too noisy to tell ({}); try again when it is quiet.",
                named(Outcome::Disturbed)
            )
        }
        Outcome::Bent => format!(
            "The ruler is bent: what is reported of {} is not what was dictated, and nothing else was late.",
            named(Outcome::Bent)
        ),
    }
}
