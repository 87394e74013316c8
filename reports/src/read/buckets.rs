use record::{ObservedKind, Window};

use super::Evidence;

/// A bucket of a histogram that the target keeps: from one time to the other, seconds, and how many fell into it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub from_s: f64,
    /// Upper bound; infinite for the last.
    pub to_s: f64,
    /// How many.
    pub count: f64,
}

/// How much an observed histogram `name` grew within `window`, bucket by bucket; nothing where no such histogram was
/// observed, or nothing fell into it.
///
/// The first reading of the window is where its growth begins; a total that falls was reset by a restart and counts from zero
/// again (Prometheus, `increase`).
pub fn buckets(evidence: &Evidence, name: &str, window: Window) -> Option<Vec<Bucket>> {
    let run = &evidence.record.run;
    let observed =
        run.observed.iter().find(|it| it.name == name && matches!(it.kind, ObservedKind::Quantile(_)))?;
    let mut totals: Vec<(f64, Option<f64>, f64)> = Vec::new();
    let rows = evidence.record.target.iter().filter(|row| row.source == observed.source && row.name == name);
    let mut first_s = None;
    for row in rows.filter(|row| row.second + 1 >= window.from_s && row.second < window.to_s) {
        let bound = match row.component.strip_prefix("le=") {
            Some("+Inf") => f64::INFINITY,
            Some(bound) => match bound.parse() {
                Ok(bound) => bound,
                Err(_) => continue,
            },
            None => continue,
        };
        let first = *first_s.get_or_insert(row.second) == row.second;
        let place = match totals.iter().position(|(known, ..)| *known == bound) {
            Some(place) => place,
            None => {
                totals.push((bound, None, 0.0));
                totals.len() - 1
            }
        };
        let (_, last, growth) = &mut totals[place];
        *growth += match last.replace(row.value) {
            Some(before) if row.value >= before => row.value - before,
            // What first came after the window began came into being with it.
            None if first => 0.0,
            _ => row.value,
        };
    }
    totals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut from_s, mut below) = (0.0, 0.0);
    let mut buckets = Vec::new();
    for (to_s, _, total) in totals {
        buckets.push(Bucket { from_s, to_s, count: (total - below).max(0.0) });
        (from_s, below) = (to_s, total);
    }
    buckets.iter().any(|bucket| bucket.count > 0.0).then_some(buckets)
}
