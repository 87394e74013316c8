//! What a single snapshot does not tell: when a budget was first missed, and in which order the requests stood before.

use std::collections::{BTreeMap, HashMap};

use record::{Outcome, RequestSummary};

use super::{Snapshot, figures};

/// How many times the requests of the row above a row must have to take its place. Rows that change places every
/// second cannot be read.
const OVERTAKES: f64 = 1.1;

/// What the screen remembers from one second to the next.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The second at which each budget was first missed, by its index.
    pub missed_at: BTreeMap<usize, u64>,
    /// Request names, the busiest first.
    order: Vec<String>,
}

impl Memory {
    pub fn note(&mut self, snapshot: &Snapshot<'_>) {
        self.rank(&snapshot.summary.by_request);
        if figures::is_judged(snapshot) {
            for (index, result) in snapshot.judgement.budgets.iter().enumerate() {
                if result.outcome == Outcome::Missed {
                    self.missed_at.entry(index).or_insert(snapshot.row.second);
                }
            }
        }
    }

    pub fn rank(&mut self, requests: &[RequestSummary]) {
        for request in requests {
            if !self.order.contains(&request.name) {
                self.order.push(request.name.clone());
            }
        }
        let counts: HashMap<&str, f64> =
            requests.iter().map(|it| (it.name.as_str(), (it.completed + it.failed) as f64)).collect();
        let count = |name: &String| counts.get(name.as_str()).copied().unwrap_or(0.0);
        let overtaking = |order: &[String]| {
            (1..order.len()).find(|at| count(&order[*at]) > OVERTAKES * count(&order[*at - 1]))
        };
        // Each swap puts a greater count before a smaller one, so this ends.
        while let Some(at) = overtaking(&self.order) {
            self.order.swap(at - 1, at);
        }
    }

    /// `requests` in the order remembered.
    pub fn in_order<'a>(&self, requests: &'a [RequestSummary]) -> Vec<&'a RequestSummary> {
        let place = |request: &&RequestSummary| self.order.iter().position(|name| *name == request.name);
        let mut requests: Vec<_> = requests.iter().collect();
        requests.sort_by_key(|request| place(request).unwrap_or(usize::MAX));
        requests
    }
}
