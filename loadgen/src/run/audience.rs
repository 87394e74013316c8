use std::{
    fs::File,
    net::TcpListener,
    path::Path,
    sync::{Arc, Mutex},
};

use record::{Adjustment, Histogram, Histograms, Run, SeriesRow};

use crate::{
    adjust::Dial,
    cli::RunArgs,
    crowd::Crowd,
    engine::Engine,
    export::{Bounds, Meters, Outlets, RequestLog, Tick},
    host,
    plan::{
        model::{Load, Plan},
        profile,
    },
    screen::Snapshot,
    stop::Stop,
    web::{Door, Page, bind},
};

/// Why a lock of the audience can be taken.
const CALM: &str = "no panic under this lock";

/// Who is told of a run beside its record and the terminal, before it begins: addresses that are taken are found out
/// before any load is.
#[derive(Debug, Default)]
pub struct Invited {
    door: Option<Door>,
    prometheus: Option<TcpListener>,
    log: Option<File>,
}

/// Who is told of a run while it goes on.
#[derive(Debug, Default)]
pub struct Audience {
    page: Mutex<Option<Page>>,
    meters: Mutex<Option<Meters>>,
}

impl Invited {
    /// Opens the addresses that `arguments` name, and says where.
    ///
    /// # Errors
    /// An address is taken; more users are asked for than the plan's data or this process's files allow.
    pub fn open(arguments: &RunArgs, plan: &Plan) -> Result<Self, Stop> {
        if let Some(users) = arguments.web.web_max_users {
            check_users(plan, users)?;
        }
        let door = arguments.web.web.map(Door::open).transpose()?;
        let prometheus =
            arguments.export.prometheus.map(|address| bind("--prometheus", address)).transpose()?;
        // Workers have logs of their own.
        let log = arguments.export.log_requests.as_ref().filter(|_| arguments.workers == 1);
        let log = log.map(|file| {
            let wrong = |error| Stop::Usage(format!("--log-requests {}: {error}", file.display()));
            File::create(file).map_err(wrong)
        });
        let log = log.transpose()?;
        if let Some(door) = &door {
            eprintln!("{}", door.announcement());
        }
        if let Some(listener) = &prometheus {
            let address = listener.local_addr()?;
            let beyond =
                if address.ip().is_loopback() { "" } else { " (whoever reaches this address can read it)" };
            eprintln!("metrics: http://{address}/metrics{beyond}");
        }
        Ok(Self { door, prometheus, log })
    }

    /// Seats the audience of `run`, before its load begins.
    ///
    /// # Errors
    /// A file or a thread cannot be had.
    pub fn seat(
        self,
        arguments: &RunArgs,
        engine: &'static Engine,
        run: &Run,
        folder: &Path,
    ) -> Result<Arc<Audience>, Stop> {
        let audience = Audience::default();
        if let Some(file) = self.log {
            log_requests(file, arguments, engine)?;
        }
        let export = &arguments.export;
        if self.prometheus.is_some() || export.otlp.is_some() {
            let meters = Meters::start(Outlets {
                prometheus: self.prometheus,
                otlp: export.otlp.clone(),
                scenario: run.scenario.name.clone(),
                warn: |why| eprintln!("warning: {why}"),
            })?;
            *audience.meters.lock().expect(CALM) = Some(meters);
        }
        if let Some(door) = self.door {
            // A part of a load cannot be turned alone, nor all parts from here.
            let dial =
                (arguments.workers == 1 && engine.share.is_whole()).then(|| dial(arguments, engine, run));
            *audience.page.lock().expect(CALM) = Some(door.show(engine, dial, run, folder)?);
        }
        Ok(Arc::new(audience))
    }
}

/// The dial of a run that has a page, and the crowd that follows it.
fn dial(arguments: &RunArgs, engine: &'static Engine, run: &Run) -> &'static Dial {
    let most = match &engine.plan.load {
        Load::Users { stages, .. } => {
            let peak = profile::peak(stages).ceil() as u64;
            Some(arguments.web.web_max_users.map_or(peak, |most| most.max(peak)))
        }
        Load::Arrivals { .. } => None,
    };
    let bound = most.map(|most| most as f64).or((!run.target.loopback).then_some(arguments.max_rate));
    let dial = engine.dial.get_or_init(|| Dial::new(&engine.plan.load, bound));
    if let Some(most) = most {
        let crowd = engine.crowd.get_or_init(|| Crowd::new(most));
        tokio::spawn(crowd.follow(engine, dial));
    }
    dial
}

fn check_users(plan: &Plan, users: u64) -> Result<(), Stop> {
    let wrong = |why: String| Err(Stop::Usage(format!("--web-max-users={users}: {why}")));
    if matches!(plan.load, Load::Arrivals { .. }) {
        return wrong("this scenario offers arrivals, whose rate is adjusted instead of users".to_owned());
    }
    let unique = plan.data.iter().find_map(|set| set.most_users().filter(|rows| (*rows as u64) < users));
    if let Some(rows) = unique {
        return wrong(format!("each user needs a row of its own (pick: unique), and there are {rows}"));
    }
    let limit = host::raise_open_files_limit();
    if users + 100 > limit {
        return wrong(format!("this process may have {limit} open files: raise the limit (`ulimit -n`)"));
    }
    Ok(())
}

fn log_requests(file: File, arguments: &RunArgs, engine: &'static Engine) -> Result<(), Stop> {
    let export = &arguments.export;
    let bounds = Bounds {
        lines: export.log_requests_limit,
        bytes: export.log_requests_size.saturating_mul(1_000_000),
        share: export.log_requests_share,
    };
    let name = export.log_requests.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
    let start = || engine.start.get().copied();
    let warn = move |why: &str| eprintln!("warning: the request log {name} stops: {why}");
    let _ = engine.request_log.set(RequestLog::start(file, bounds, &engine.plan.requests, start, warn)?);
    Ok(())
}

impl Audience {
    /// Whether it takes snapshots.
    pub fn looks(&self) -> bool {
        self.page.lock().expect(CALM).is_some()
    }

    /// Tells of a second; `response` is of all its requests together.
    pub fn second(&self, row: &SeriesRow, histograms: &Histograms, response: &Histogram) {
        if let Some(page) = &*self.page.lock().expect(CALM) {
            page.measured(response);
        }
        if let Some(meters) = &*self.meters.lock().expect(CALM) {
            meters.take(Tick::of(row, histograms));
        }
    }

    /// Shows a second.
    pub fn show(&self, snapshot: &Snapshot<'_>) {
        if let Some(page) = &*self.page.lock().expect(CALM) {
            page.second(snapshot);
        }
    }

    /// Shows that the load was turned.
    pub fn adjusted(&self, adjustments: &[Adjustment]) {
        if let Some(page) = &*self.page.lock().expect(CALM) {
            adjustments.iter().for_each(|adjustment| page.adjusted(adjustment));
        }
    }

    /// Lets it go when `run` has ended, but for a page that is to stay.
    pub fn end(&self, engine: &Engine, run: &Run, folder: &Path, stay: bool) -> Option<Page> {
        if let Some(page) = &*self.page.lock().expect(CALM) {
            page.end(run, folder);
        }
        let meters = self.meters.lock().expect(CALM).take();
        if let Some(meters) = meters {
            meters.close();
        }
        if let Some(written) = engine.request_log.get().and_then(RequestLog::close)
            && written.lost > 0
        {
            eprintln!(
                "warning: the request log lacks {} requests that came faster than they could be written",
                record::unit::show_count(written.lost as i64)
            );
        }
        let page = self.page.lock().expect(CALM).take();
        if stay {
            return page;
        }
        if let Some(page) = page {
            page.close();
        }
        None
    }
}
