use std::collections::BTreeMap;

use record::{ErrorSample, Kind, Latency};
use serde::Serialize;

use super::merged;
use crate::read::Evidence;

/// Failed requests of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorRow {
    /// `timeout`, `status_500`, `connect`, …
    pub kind: String,
    /// In the judged window.
    pub count: u64,
    /// Of all requests that ended in the judged window.
    pub share_ratio: f64,
    /// In the warm-up, not judged.
    pub warm_up_count: u64,
    /// Due → given up or answered, judged window.
    pub latency: Latency,
    /// By request name in the judged window, the most frequent first.
    pub by_request: Vec<(String, u64)>,
    /// The first few, cut to a bound.
    pub samples: Vec<ErrorSample>,
}

/// Samples shown of one kind.
const SAMPLES: usize = 3;

/// Failed requests by kind, the most frequent first, then by name.
pub fn errors(evidence: &Evidence) -> Vec<ErrorRow> {
    let (summary, window) = (&evidence.summary, evidence.record.judged());
    let mut kinds: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for row in &evidence.record.series {
        for (kind, count) in &row.errors.0 {
            let (judged, warm_up) = kinds.entry(kind).or_default();
            *(if window.contains(row.second) { judged } else { warm_up }) += count;
        }
    }
    let ended = (summary.completed + summary.failed).max(1) as f64;
    let mut rows: Vec<ErrorRow> = kinds
        .into_iter()
        .map(|(kind, (count, warm_up_count))| ErrorRow {
            kind: kind.to_owned(),
            count,
            share_ratio: count as f64 / ended,
            warm_up_count,
            latency: Latency::of(&merged(&evidence.totals, |it| matches!(it, Kind::Error(it) if it == kind))),
            by_request: by_request(evidence, kind),
            samples: evidence
                .record
                .errors
                .iter()
                .filter(|it| it.kind == kind)
                .take(SAMPLES)
                .cloned()
                .collect(),
        })
        .collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.kind.cmp(&b.kind)));
    rows
}

fn by_request(evidence: &Evidence, kind: &str) -> Vec<(String, u64)> {
    let requests = evidence.summary.by_request.iter();
    let mut found: Vec<(String, u64)> =
        requests.filter_map(|it| Some((it.name.clone(), *it.errors.get(kind)?))).collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    found
}
