//! Visits: requests of one address and agent with no gap of half an hour between them.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

/// A longer pause ends a visit, seconds.
const GAP_S: f64 = 1800.0;
/// So many pauses are kept; of more, an even sample.
const MOST_PAUSES: usize = 200_000;

/// Visits that are going on, and what those that ended were like.
#[derive(Debug, Default)]
pub struct Sessions {
    open: HashMap<u64, Open>,
    swept_s: f64,
    /// How many visits had 1, 2, 3, … requests; the last holds all longer ones.
    pub lengths: Vec<u64>,
    /// Pauses within visits, seconds: a sample.
    pub pauses_s: Vec<f64>,
    /// Every so-many-th pause is kept.
    stride: u64,
    pauses: u64,
}

#[derive(Debug)]
struct Open {
    last_s: f64,
    requests: usize,
}

/// Visits of more requests count as of this many.
pub const LONGEST: usize = 1000;

impl Sessions {
    /// A request of that client.
    pub fn add(&mut self, client: &str, agent: &str, time_s: f64) {
        let mut hasher = DefaultHasher::new();
        (client, agent).hash(&mut hasher);
        if time_s - self.swept_s > GAP_S {
            self.sweep(time_s);
        }
        let key = hasher.finish();
        match self.open.get_mut(&key) {
            Some(open) if time_s - open.last_s <= GAP_S => {
                // Logs are written as requests end: some are a little out of order.
                let pause = (time_s - open.last_s).max(0.0);
                open.last_s = open.last_s.max(time_s);
                open.requests += 1;
                self.pause(pause);
            }
            _ => {
                if let Some(ended) = self.open.insert(key, Open { last_s: time_s, requests: 1 }) {
                    self.end(ended.requests);
                }
            }
        }
    }

    /// Ends all visits.
    pub fn finish(&mut self) {
        for (_, open) in std::mem::take(&mut self.open) {
            self.end(open.requests);
        }
    }

    fn sweep(&mut self, now_s: f64) {
        self.swept_s = now_s;
        let mut ended = Vec::new();
        self.open.retain(|_, open| {
            let on = now_s - open.last_s <= GAP_S;
            if !on {
                ended.push(open.requests);
            }
            on
        });
        ended.into_iter().for_each(|requests| self.end(requests));
    }

    fn end(&mut self, requests: usize) {
        let at = requests.clamp(1, LONGEST) - 1;
        if self.lengths.len() <= at {
            self.lengths.resize(at + 1, 0);
        }
        self.lengths[at] += 1;
    }

    fn pause(&mut self, pause_s: f64) {
        self.stride = self.stride.max(1);
        if self.pauses.is_multiple_of(self.stride) {
            if self.pauses_s.len() >= MOST_PAUSES {
                let mut index = 0;
                self.pauses_s.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            self.pauses_s.push(pause_s);
        }
        self.pauses += 1;
    }

    /// How many visits there were.
    pub fn visits(&self) -> u64 {
        self.lengths.iter().sum()
    }

    /// The length that this share of visits does not exceed, requests.
    pub fn length_at(&self, share: f64) -> usize {
        let wanted = (self.visits() as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.lengths
            .iter()
            .position(|count| {
                seen += count;
                seen >= wanted
            })
            .map_or(0, |at| at + 1)
    }

    /// The median and the 95th percentile of the pauses, seconds; nothing without pauses.
    pub fn pause_law(&mut self) -> Option<(f64, f64)> {
        if self.pauses_s.is_empty() {
            return None;
        }
        self.pauses_s.sort_by(f64::total_cmp);
        let at = |share: f64| self.pauses_s[((self.pauses_s.len() - 1) as f64 * share).round() as usize];
        Some((at(0.5), at(0.95)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_of_half_an_hour_or_another_agent_begins_a_new_visit() {
        let mut sessions = Sessions::default();
        for (client, agent, time_s) in [
            ("a", "x", 0.0),
            ("a", "x", 10.0),
            ("a", "y", 11.0),
            ("b", "x", 12.0),
            ("a", "x", 1809.0),
            ("a", "x", 3610.0),
        ] {
            sessions.add(client, agent, time_s);
        }
        sessions.finish();
        // a/x: 0, 10, 1809; a/y; b/x; a/x again 1801 s later.
        assert_eq!((sessions.visits(), sessions.lengths.clone()), (4, vec![3, 0, 1]));
        assert_eq!(sessions.pause_law(), Some((1799.0, 1799.0)));
        assert_eq!((sessions.length_at(0.5), sessions.length_at(1.0)), (1, 3));
    }

    #[test]
    fn what_is_kept_does_not_grow_with_the_log() {
        let mut sessions = Sessions::default();
        for index in 0..1_000_000_u32 {
            sessions.add(&(index / 4).to_string(), "x", f64::from(index));
        }
        assert!(sessions.open.len() < 3000, "{}", sessions.open.len());
        assert!(sessions.pauses_s.len() <= MOST_PAUSES);
        sessions.finish();
        assert_eq!(sessions.visits(), 250_000);
    }
}
