//! Counts the values of a response header, such as `X-Cache: HIT`, on the way of every answer.
//!
//! Caches say it in many ways: `HIT`, `Hit from cloudfront`, `TCP_MEM_HIT from …`, `MISS, HIT` (one for each cache on the
//! way, the one nearest to us last), `edge; hit; ttl=300` and `edge; fwd=uri-miss` (RFC 9211). So a value in whose last
//! part, after any comma, `hit` or `miss` stands as a word of its own counts as `HIT` or `MISS`, the first of such words
//! deciding; every other value counts as itself. `RefreshHit` and `EXPIRED`, for which the cache asked its origin, are no
//! hits.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use http::{HeaderMap, HeaderName};
use record::{ObservedKind, ObservedValue, TargetRow};

/// Values told apart; a header with more is no good as a count, and each would be a column of the record.
const KEPT: usize = 8;
/// Longer values are counted as `other`, bytes.
const LONGEST: usize = 32;

/// How often each value of one header was met. Letter case is not told apart; a value is kept in capitals.
/// Shared by all users: known values are counted without a lock and without allocation.
#[derive(Debug)]
pub struct HeaderCounts {
    /// The observer's name, by which budgets ask for the share of hits.
    name: String,
    header: HeaderName,
    values: [OnceLock<String>; KEPT],
    counts: [AtomicU64; KEPT],
    other: AtomicU64,
}

impl HeaderCounts {
    /// Nothing counted yet of `header`, which the observer `name` looks at.
    pub fn new(name: &str, header: HeaderName) -> Self {
        Self {
            name: name.to_owned(),
            header,
            values: Default::default(),
            counts: Default::default(),
            other: AtomicU64::new(0),
        }
    }

    /// Counts the header of one answer; an answer without it is not counted.
    pub fn count(&self, headers: &HeaderMap) {
        if let Some(value) = headers.get(&self.header) {
            self.counter(value.as_bytes().trim_ascii()).fetch_add(1, Relaxed);
        }
    }

    fn counter(&self, value: &[u8]) -> &AtomicU64 {
        let value = outcome(value).unwrap_or(value);
        for (known, count) in self.values.iter().zip(&self.counts) {
            let known = match known.get() {
                Some(known) => known,
                None => match component(value) {
                    // Another thread may have taken the slot meanwhile, for this value or another.
                    Some(new) => known.get_or_init(|| new),
                    None => break,
                },
            };
            if known.as_bytes().eq_ignore_ascii_case(value) {
                return count;
            }
        }
        &self.other
    }

    /// What the record says of it.
    pub fn defined(&self) -> ObservedValue {
        ObservedValue { source: "headers".to_owned(), name: self.name.clone(), kind: ObservedKind::Header }
    }

    /// The counts since the start of the run.
    pub fn rows(&self, second: u64) -> Vec<TargetRow> {
        let row = |component: &str, count: &AtomicU64| TargetRow {
            second,
            source: "headers".to_owned(),
            name: self.name.clone(),
            component: component.to_owned(),
            value: count.load(Relaxed) as f64,
        };
        let known =
            self.values.iter().zip(&self.counts).filter_map(|(value, count)| Some(row(value.get()?, count)));
        // `other` is there from the first second on, so that a value that comes later is known to have begun at 0.
        known.chain([row("other", &self.other)]).collect()
    }
}

/// What a cache says of an answer, if that is what the value is about.
fn outcome(value: &[u8]) -> Option<&'static [u8]> {
    let last = value.rsplit(|byte| *byte == b',').next().unwrap_or(value);
    last.split(|byte| !byte.is_ascii_alphanumeric()).find_map(|word| {
        [&b"HIT"[..], b"MISS"].into_iter().find(|outcome| word.eq_ignore_ascii_case(outcome))
    })
}

fn component(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let fits = !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
    fits.then(|| text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-cache", value.parse().unwrap());
        headers
    }

    fn counted(counts: &HeaderCounts) -> Vec<(String, f64)> {
        counts.rows(3).into_iter().map(|row| (row.component, row.value)).collect()
    }

    #[test]
    fn threads_that_meet_new_values_at_once_lose_none() {
        let counts = HeaderCounts::new("cache", HeaderName::from_static("x-cache"));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let counts = &counts;
                scope.spawn(move || {
                    let values = ["HIT", "miss", "Stale", "bypass"].map(answer);
                    (0..10_000).for_each(|i| counts.count(&values[(i + thread) % 4]));
                });
            }
        });
        let mut seen = counted(&counts);
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("BYPASS", 20_000.0),
            ("HIT", 20_000.0),
            ("MISS", 20_000.0),
            ("STALE", 20_000.0),
            ("other", 0.0),
        ];
        assert_eq!(seen, expected.map(|(name, count)| (name.to_owned(), count)));
    }

    #[test]
    fn a_header_of_many_values_does_not_grow_without_bound() {
        let counts = HeaderCounts::new("cache", HeaderName::from_static("x-cache"));
        (0..1_000).for_each(|i| counts.count(&answer(&format!("id-{i}"))));
        counts.count(&answer(&"x".repeat(33)));
        counts.count(&answer(""));
        counts.count(&HeaderMap::new());
        let seen = counted(&counts);
        assert_eq!(seen.len(), KEPT + 1);
        assert_eq!(seen.last(), Some(&("other".to_owned(), 994.0)));
    }

    #[test]
    fn a_hit_is_known_however_a_cache_says_it() {
        for (value, expected) in [
            ("HIT", "HIT"),
            ("Hit from cloudfront", "HIT"),
            ("Miss from cloudfront", "MISS"),
            ("TCP_MEM_HIT from a23-1 (AkamaiGHost/11)", "HIT"),
            ("TCP_MISS", "MISS"),
            ("MISS, HIT", "HIT"),
            ("HIT, MISS", "MISS"),
            ("edge; hit; ttl=300", "HIT"),
            ("edge; fwd=uri-miss; stored", "MISS"),
            ("RefreshHit from cloudfront", "REFRESHHIT FROM CLOUDFRONT"),
            ("EXPIRED", "EXPIRED"),
            ("dismissed", "DISMISSED"),
        ] {
            let counts = HeaderCounts::new("cache", HeaderName::from_static("x-cache"));
            counts.count(&answer(value));
            let seen: Vec<_> = counted(&counts).into_iter().filter(|(_, count)| *count == 1.0).collect();
            assert_eq!(seen, [(expected.to_owned(), 1.0)], "{value}");
        }
    }

    #[test]
    fn the_share_of_hits_is_what_the_record_computes() {
        let counts = HeaderCounts::new("cache", HeaderName::from_static("x-cache"));
        let mut rows = counts.rows(0);
        for value in ["HIT", "HIT", "hit ", "MISS"] {
            counts.count(&answer(value));
        }
        rows.extend(counts.rows(1));
        let window = record::Window { from_s: 1, to_s: 2 };
        let seen = record::observed_values(&[counts.defined()], &rows, window);
        assert_eq!((seen[0].name.as_str(), seen[0].value, seen[0].n), ("cache", Some(0.75), 4.0));
    }
}
