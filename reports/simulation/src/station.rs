use std::collections::VecDeque;

use crate::{Kind, Outage, What};

/// An instance: workers behind a queue.
#[derive(Debug)]
pub struct Station {
    /// Its tier.
    pub kind: Kind,
    /// Its place in the tier; of the database, shard and node.
    pub place: (usize, usize),
    zone: usize,
    workers: u32,
    queue_limit: usize,
    /// Requests being worked on.
    pub serving: Vec<u32>,
    /// Requests that wait.
    pub queue: VecDeque<u32>,
    /// Outages it is in.
    lost: u32,
    /// Since when it is lost, or is back: of a cache, since when it fills.
    pub since_ns: Option<u64>,
    /// Grows when it is lost, so that what it was at work on then is known to be gone.
    pub epoch: u32,
}

impl Station {
    /// An instance with nothing to do.
    pub fn new(kind: Kind, place: (usize, usize), zones: usize, workers: u32, queue_limit: usize) -> Self {
        Self {
            kind,
            place,
            zone: (place.0 + place.1) % zones.max(1),
            workers,
            queue_limit,
            serving: Vec::with_capacity(workers as usize),
            queue: VecDeque::new(),
            lost: 0,
            since_ns: None,
            epoch: 0,
        }
    }

    /// Whether it works.
    pub const fn is_up(&self) -> bool {
        self.lost == 0
    }

    /// Whether a worker is free.
    pub fn is_free(&self) -> bool {
        self.serving.len() < self.workers as usize
    }

    /// Whether one more may wait.
    pub fn has_room(&self) -> bool {
        self.queue.len() < self.queue_limit
    }

    /// Requests that are there.
    pub fn load(&self) -> usize {
        self.serving.len() + self.queue.len()
    }

    /// Whether an outage takes it.
    pub fn belongs_to(&self, outage: &Outage) -> bool {
        match outage.what {
            What::Instance => self.kind == Kind::Api && self.place.0 == 0,
            What::Zone => self.zone == 0,
            What::Cache => self.kind == Kind::Cache,
            What::Primary => self.kind == Kind::Database && self.place == (0, 0),
        }
    }

    /// Takes it away; gives back the requests that were there.
    pub fn lose(&mut self, now_ns: u64) -> Vec<u32> {
        self.lost += 1;
        self.since_ns = Some(now_ns);
        self.epoch += 1;
        self.serving.drain(..).chain(self.queue.drain(..)).collect()
    }

    /// Gives it back.
    pub fn give_back(&mut self, now_ns: u64) {
        self.lost = self.lost.saturating_sub(1);
        self.since_ns = Some(now_ns);
    }
}
