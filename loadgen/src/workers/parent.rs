//! What the parent of workers does while they are at work.

use std::time::Instant;

use record::{
    Merged, MergedPart, Run, Second, State,
    merge::{self, FirstErrors},
};

use super::{GLANCE, crew::Crew};
use crate::{control::Control, run::Journal, stop::Stop};

/// Makes one record of what the workers write.
pub struct Parent {
    journal: Journal,
    crew: Crew,
    errors: FirstErrors,
    /// Whether each worker's death has been told.
    mourned: Vec<bool>,
    aborted: bool,
}

impl Parent {
    /// For the workers of `crew`, which have been told when to begin.
    pub fn new(journal: Journal, crew: Crew) -> Self {
        let mourned = vec![false; crew.0.len()];
        Self { journal, crew, errors: FirstErrors::default(), mourned, aborted: false }
    }

    /// Writes and shows the load second by second until every worker has ended, and judges it. Workers should have
    /// ended by `over`.
    pub async fn attend(mut self, control: &Control, over: Instant) -> Result<Run, Stop> {
        let mut stopped = false;
        loop {
            if !stopped && (control.interrupted() || self.aborted) {
                stopped = true;
                self.crew.stop();
            }
            self.crew.cut(over);
            let mut whole = true;
            for worker in &mut self.crew.0 {
                whole &= worker.look()?;
            }
            self.mourn();
            if !whole {
                tokio::time::sleep(GLANCE).await;
                continue;
            }
            match self.take() {
                Some(second) => self.write(second)?,
                None => return Box::pin(self.close()).await,
            }
        }
    }

    /// The next second, once every worker that lives has come to its end.
    fn take(&mut self) -> Option<Second> {
        let heads = self.crew.0.iter().filter_map(|worker| worker.head.as_ref());
        let at = heads.map(|head| head.row.second).min()?;
        let mut ended = Vec::new();
        for (part, worker) in self.crew.0.iter_mut().enumerate() {
            if let Some(mut second) = worker.head.take_if(|head| head.row.second == at) {
                self.journal.observe(part, std::mem::take(&mut second.target));
                ended.push(second);
            }
        }
        Some(merge::sum(at, ended))
    }

    fn write(&mut self, second: Second) -> Result<(), Stop> {
        let mut samples = Vec::new();
        for worker in &mut self.crew.0 {
            samples.extend(worker.follow().errors()?);
        }
        samples.retain(|sample| self.errors.takes(sample));
        self.journal.given(second, &samples)?;
        self.aborted |= self.journal.storm();
        Ok(())
    }

    /// Says which workers died, each once.
    fn mourn(&mut self) {
        for part in 0..self.mourned.len() {
            if let Some(why) = self.crew.0[part].died().filter(|_| !self.mourned[part]) {
                self.mourned[part] = true;
                eprintln!("{why}; its load is missing from then on, and the run gives no verdict");
                let alive =
                    (0..self.mourned.len()).filter(|part| !self.mourned[*part]).map(|part| MergedPart {
                        index: part as u64,
                        state: State::Running,
                        recorded_s: 0,
                        cpu_cores: 0.0,
                        host: 0,
                    });
                // For the live view; what became of each is known at the end.
                let (of, parts) = (self.mourned.len() as u64, alive.collect());
                self.journal.run.merged = Some(Merged { of, parts, hosts: Vec::new() });
            }
        }
    }

    async fn close(mut self) -> Result<Run, Stop> {
        for (part, worker) in self.crew.0.iter_mut().enumerate() {
            // Written after its last second.
            let rows = worker.follow().target()?;
            self.journal.observe(part, rows);
        }
        let records: Vec<_> = self.crew.0.iter().filter_map(|worker| worker.record()).collect();
        merge::finished(&mut self.journal.run, &records)?;
        for part in self.journal.run.merged.iter_mut().flat_map(|merged| &mut merged.parts) {
            // Whatever its record says, it cannot be relied on.
            if self.mourned[part.index as usize] {
                part.state = State::Running;
            }
        }
        let state = if self.aborted { State::Aborted } else { self.journal.run.state };
        Ok(self.journal.close(state).await?.0)
    }
}
