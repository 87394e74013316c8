use record::Latency;
use serde::Serialize;

use crate::read::Evidence;

/// Figures of one request name over the judged window.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRow {
    /// Its name in the scenario.
    pub name: String,
    /// Answered as expected.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Failed over all that ended, 0..1.
    pub error_ratio: f64,
    /// Answered as expected, per second.
    pub per_s: f64,
    /// Due → last byte.
    pub response: Latency,
    /// Sent → last byte.
    pub service: Latency,
    /// Sent → first byte.
    pub first_byte: Latency,
}

/// Figures by request name, the busiest first, then by name.
pub fn requests(evidence: &Evidence) -> Vec<RequestRow> {
    let mut rows: Vec<RequestRow> = evidence
        .summary
        .by_request
        .iter()
        .map(|request| RequestRow {
            name: if request.is_block { format!("{} (block)", request.name) } else { request.name.clone() },
            completed: request.completed,
            failed: request.failed,
            error_ratio: request.failed as f64 / (request.completed + request.failed).max(1) as f64,
            per_s: request.throughput_per_s,
            response: request.response.clone(),
            service: request.service.clone(),
            first_byte: request.first_byte.clone(),
        })
        .collect();
    rows.sort_by(|a, b| {
        (b.completed + b.failed).cmp(&(a.completed + a.failed)).then_with(|| a.name.cmp(&b.name))
    });
    rows
}
