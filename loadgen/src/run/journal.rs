use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use record::{
    ErrorSample, Histograms, Kind, Latency, Run, Second, SeriesRow, State, TargetRow, Writer,
    merge::TargetSum, new_histogram, quantile_us,
};

use super::audience::Audience;
use crate::{
    adjust::Dial,
    engine::Engine,
    observe::Observers,
    plan::model::Abort,
    screen::{Live, Snapshot},
    stop::Stop,
    watch::{MachineWatch, SelfWatch},
};

/// Seconds that the live view looks back.
const LOOK_BACK: usize = 60;
/// This process among those that observe the target.
const OWN: usize = usize::MAX;
/// Seconds by which what is observed may come later than what several processes measured, whose rows are kept in order.
const OBSERVED_LATE_S: u64 = 3;

/// Turns what the users do into the record, second by second, and shows it.
pub struct Journal {
    pub run: Run,
    engine: &'static Engine,
    writer: Writer,
    watch: SelfWatch,
    live: Live,
    start: Instant,
    recent: VecDeque<SeriesRow>,
    latency: Latency,
    p95_us: VecDeque<Option<u64>>,
    target: VecDeque<Vec<TargetRow>>,
    observed: TargetSum,
    /// Not in a worker: its parent sees to the machine.
    machine: Option<MachineWatch>,
    /// Seconds for the observer to read at, and what it read.
    ask: flume::Sender<u64>,
    told: flume::Receiver<Vec<TargetRow>>,
    observer: tokio::task::JoinHandle<Observers>,
    /// Who else is told.
    pub audience: Arc<Audience>,
}

impl Journal {
    pub fn open(
        folder: &Path,
        run: Run,
        engine: &'static Engine,
        mut observers: Observers,
        live: Live,
        start: Instant,
    ) -> Result<Self, Stop> {
        engine.witness.start(start);
        #[expect(
            clippy::disallowed_methods,
            reason = "the log names the instant that its seconds are counted from"
        )]
        let writer = Writer::create(folder, &run, SystemTime::now())?;
        let (ask, asked) = flume::unbounded();
        let (tell, told) = flume::unbounded();
        let observer = tokio::spawn(async move {
            while let Ok(second) = asked.recv_async().await {
                // An unread answer only means that the run is over.
                let _ = tell.send(observers.read(second).await);
            }
            observers
        });
        let watch = SelfWatch::start()?;
        Ok(Self {
            observed: TargetSum::new(&run.observed, OWN),
            machine: Some(MachineWatch::start()),
            run,
            engine,
            writer,
            watch,
            live,
            start,
            recent: VecDeque::new(),
            latency: Latency::default(),
            p95_us: VecDeque::new(),
            target: VecDeque::new(),
            ask,
            told,
            observer,
            audience: Arc::default(),
        })
    }

    /// Writes the second that has just ended.
    pub fn second(&mut self, second: u64) -> Result<(), Stop> {
        let _ = self.ask.send(second);
        let (mut row, histograms) = self.engine.recorder.rotate(second);
        self.watch.fill(&mut row, self.engine.transport.open());
        self.note_adjustments()?;
        self.write(row, histograms)?;
        self.show();
        Ok(())
    }

    /// Writes a second that other processes measured; what this one used to put it together is theirs too. What they
    /// observed comes by [`Self::observe`].
    pub fn given(&mut self, mut second: Second, samples: &[ErrorSample]) -> Result<(), Stop> {
        let _ = self.ask.send(second.row.second);
        let mut own = SeriesRow::default();
        self.watch.fill(&mut own, 0);
        second.row.cpu_cores += own.cpu_cores;
        second.row.cpu_wait += own.cpu_wait;
        second.row.memory_bytes += own.memory_bytes;
        second.row.cpu_stolen = own.cpu_stolen;
        let settled = second.row.second.checked_sub(OBSERVED_LATE_S);
        self.enter(second.row, second.histograms, settled)?;
        samples.iter().try_for_each(|sample| self.writer.error(sample))?;
        self.show();
        Ok(())
    }

    /// Says nothing of the machine: another process of it does, for all of them.
    pub fn leave_machine(&mut self) {
        self.machine = None;
    }

    /// Takes what process number `part` observed of the answers it got.
    pub fn observe(&mut self, part: usize, rows: Vec<TargetRow>) {
        self.observed.push(part, rows);
    }

    /// Writes what came after the last whole second, if anything did.
    pub fn last(&mut self, second: u64) -> Result<(), Stop> {
        let (mut row, histograms) = self.engine.recorder.rotate(second);
        if histograms.is_empty() && row.started == 0 && second > 0 {
            return Ok(());
        }
        self.watch.fill(&mut row, self.engine.transport.open());
        self.write(row, histograms)
    }

    /// Puts into the record how the load was turned by hand.
    fn note_adjustments(&mut self) -> Result<(), Stop> {
        let adjustments = self.engine.dial.get().map(Dial::take).unwrap_or_default();
        if adjustments.is_empty() {
            return Ok(());
        }
        self.audience.adjusted(&adjustments);
        self.run.adjustments.extend(adjustments);
        Ok(self.writer.run(&self.run)?)
    }

    fn write(&mut self, row: SeriesRow, histograms: Histograms) -> Result<(), Stop> {
        self.enter(row, histograms, Some(u64::MAX))?;
        for sample in self.engine.witness.take() {
            self.writer.error(&sample)?;
        }
        Ok(())
    }

    /// Writes a second, and what was observed up to second `settled`.
    fn enter(&mut self, row: SeriesRow, histograms: Histograms, settled: Option<u64>) -> Result<(), Stop> {
        if let Some(machine) = &mut self.machine {
            machine.see(&self.run, row.second);
        }
        let mut all = new_histogram();
        for (_, histogram) in histograms.iter().filter(|(tag, _)| tag.kind == Kind::Response) {
            all.add(histogram).expect("a growing histogram takes any other");
        }
        self.observed.push(OWN, self.told.try_iter().flatten().collect());
        let target = settled.map(|settled| self.observed.take(settled)).unwrap_or_default();
        self.audience.second(&row, &histograms, &all);
        self.latency = Latency::of(&all);
        push(&mut self.recent, row.clone());
        push(&mut self.p95_us, quantile_us(&all, 0.95));
        push(&mut self.target, target.clone());
        Ok(self.writer.second(Second { row, histograms, target })?)
    }

    fn show(&mut self) {
        if matches!(self.live, Live::Quiet) && !self.audience.looks() {
            return;
        }
        let mut live = std::mem::replace(&mut self.live, Live::Quiet);
        let audience = self.audience.clone();
        self.with_snapshot(|snapshot| {
            live.draw(snapshot);
            audience.show(snapshot);
        });
        self.live = live;
    }

    /// Hands what a live view shows of the second just written to `view`.
    pub fn with_snapshot(&mut self, view: impl FnOnce(&Snapshot<'_>)) {
        let Some(row) = self.recent.back() else { return };
        let (summary, judgement) = self.writer.so_far(&self.run);
        let target: Vec<TargetRow> = self.target.iter().rev().take(2).rev().flatten().cloned().collect();
        view(&Snapshot {
            run: &self.run,
            elapsed: self.start.elapsed(),
            row,
            latency: &self.latency,
            p95_us: self.p95_us.make_contiguous(),
            target: &target,
            summary: &summary,
            judgement: &judgement,
        });
    }

    /// The second just written: its counts, and response time of what was answered as expected in it.
    ///
    /// # Panics
    /// No second was written yet.
    pub fn latest(&self) -> (&SeriesRow, &Latency) {
        (self.recent.back().expect("asked after a second was written"), &self.latency)
    }

    /// Whether the rule for an early end holds now.
    pub fn storm(&self) -> bool {
        let rule = self.engine.plan.abort.unwrap_or(if self.run.target.loopback {
            Abort::Off
        } else {
            Abort::Storm { share: 0.5, requests: 1_000, within: Duration::from_secs(10) }
        });
        let Abort::Storm { share, requests, within } = rule else { return false };
        let last = self.recent.iter().rev().take(within.as_secs().max(1) as usize);
        let (failed, all) =
            last.fold((0, 0), |(failed, all), row| (failed + row.failed, all + row.failed + row.completed));
        all >= requests && failed as f64 > share * all as f64
    }

    /// Ends the record: the last observations, the totals, the verdict. The observers are free for another record.
    pub async fn close(self, state: State) -> Result<(Run, Option<Observers>), Stop> {
        let Self { mut run, mut writer, ask, told, observer, live, mut observed, machine, engine, .. } = self;
        drop(ask);
        let observers = tokio::time::timeout(Duration::from_secs(2), observer).await;
        let observers = observers.ok().and_then(Result::ok);
        run.caveats.extend(observers.iter().flat_map(Observers::notes));
        run.caveats.extend(http2_note(engine.transport.opened_http2()));
        run.caveats.extend(machine.iter().flat_map(MachineWatch::notes));
        let by_hand: Vec<String> = run.adjustments.iter().map(ToString::to_string).collect();
        if !by_hand.is_empty() {
            run.caveats.push(format!("The load was adjusted by hand at {}.", by_hand.join(", ")));
        }
        observed.push(OWN, told.try_iter().flatten().collect());
        writer.observed(observed.take(u64::MAX))?;
        live.finish();
        run.state = state;
        #[expect(clippy::disallowed_methods, reason = "a record says when the run ended")]
        let end = chrono::Utc::now();
        run.end = Some(end.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
        Ok((writer.finish(run)?, observers))
    }
}

/// Which HTTP was spoken, where it is not HTTP/1.1 alone. No figure in it: records of parts are merged.
fn http2_note(connections: u64) -> Option<String> {
    (connections > 0).then(|| {
        "HTTP/2 was spoken: a user has one connection, which the requests that it sends at once share."
            .to_owned()
    })
}

fn push<T>(recent: &mut VecDeque<T>, item: T) {
    if recent.len() == LOOK_BACK {
        recent.pop_front();
    }
    recent.push_back(item);
}
