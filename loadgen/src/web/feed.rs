//! Between the run, which tells of each second, and the browsers, which may come late, leave, or be slow: what was told
//! is kept, so that everyone sees all of it.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use record::{Adjustment, Histogram, Run};
use tokio::sync::broadcast;

use super::{
    figures,
    history::History,
    shape::{Adjusted, Control, End, Event, Now, Point, RunEvent, SCHEMA, SecondEvent, Stage},
};
use crate::{
    adjust::Dial,
    screen::{Snapshot, memory::Memory},
};

/// Where a second alone cannot bound its percentiles, they are of so many.
const WINDOW_S: usize = 10;
/// Events that a browser may be behind before it is told everything anew.
const BEHIND: usize = 64;

/// An event, ready to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// `run`, `second`, `adjusted` or `end`.
    pub name: &'static str,
    /// JSON in one line.
    pub data: Arc<str>,
}

/// What the page is told, and was.
#[derive(Debug)]
pub struct Feed {
    state: Mutex<State>,
    events: broadcast::Sender<Message>,
}

#[derive(Debug)]
struct State {
    /// With nothing in it that is kept beside it.
    run: RunEvent,
    history: History,
    /// Response times of the last seconds, the newest last.
    recent: VecDeque<Histogram>,
    memory: Memory,
    now: Option<Now>,
    adjustments: Vec<Adjusted>,
    end: Option<End>,
}

impl Feed {
    /// A feed about `run`, whose record comes to be in `folder` and whose load `dial` turns.
    pub fn new(run: &Run, folder: &Path, dial: Option<&Dial>) -> Self {
        let stages = run.stages.iter();
        let run = RunEvent {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            name: run.scenario.name.clone(),
            about: run.scenario.about.clone(),
            target: run.target.base_url.clone(),
            model: figures::model(run.model),
            seed: run.seed,
            start: run.start.clone(),
            planned_s: run.planned_s(),
            warm_up_s: run.warm_up_s,
            stages: stages.map(|it| Stage { from: it.from, to: it.to, seconds: it.seconds }).collect(),
            record: folder.display().to_string(),
            control: Control {
                what: dial.map(|dial| figures::adjusted(dial.what())),
                most: dial.and_then(Dial::most),
            },
            history: Vec::new(),
            adjustments: Vec::new(),
            now: None,
            end: None,
        };
        let state = State {
            run,
            history: History::default(),
            recent: VecDeque::new(),
            memory: Memory::default(),
            now: None,
            adjustments: Vec::new(),
            end: None,
        };
        Self { state: Mutex::new(state), events: broadcast::Sender::new(BEHIND) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under this lock")
    }

    /// Takes the response times of the second that is told of next.
    pub fn measured(&self, response: &Histogram) {
        let recent = &mut self.state().recent;
        if recent.len() == WINDOW_S {
            recent.pop_front();
        }
        recent.push_back(response.clone());
    }

    /// Tells of a second; `wanted` is the load that was to be in it.
    pub fn second(&self, snapshot: &Snapshot<'_>, wanted: f64) {
        let mut state = self.state();
        state.memory.note(snapshot);
        let (point, now) =
            (figures::point(snapshot, &state.recent, wanted), figures::now(snapshot, &state.memory));
        state.history.push(point.clone());
        state.now = Some(now.clone());
        self.tell(&Event::Second(Box::new(SecondEvent { point, now })));
    }

    /// Tells that the load was turned.
    pub fn adjusted(&self, adjustment: &Adjustment) {
        let adjusted = figures::adjustment(adjustment);
        let mut state = self.state();
        state.adjustments.push(adjusted.clone());
        self.tell(&Event::Adjusted(adjusted));
    }

    /// Tells how the run ended.
    pub fn end(&self, run: &Run, folder: &Path) {
        let mut state = self.state();
        let end = figures::end(run, folder, &state.memory, state.now.as_ref());
        state.end = Some(end.clone());
        self.tell(&Event::End(Box::new(end)));
    }

    /// Whether the run has ended.
    pub fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    /// Everything so far, and what comes after it, with nothing lost between.
    pub fn follow(&self) -> (Message, broadcast::Receiver<Message>) {
        let state = self.state();
        let (now, end) = (state.now.clone(), state.end.clone());
        let history: Vec<Point> = state.history.points().to_vec();
        let run = RunEvent { history, now, end, adjustments: state.adjustments.clone(), ..state.run.clone() };
        (message(&Event::Run(Box::new(run))), self.events.subscribe())
    }

    /// Sends to whoever listens; that nobody does is no error.
    fn tell(&self, event: &Event) {
        if self.events.receiver_count() > 0 {
            let _ = self.events.send(message(event));
        }
    }
}

fn message(event: &Event) -> Message {
    let name = match event {
        Event::Run(_) => "run",
        Event::Second(_) => "second",
        Event::Adjusted(_) => "adjusted",
        Event::End(_) => "end",
    };
    let data = serde_json::to_string(event).expect("numbers, strings and lists of them are JSON");
    Message { name, data: data.into() }
}
