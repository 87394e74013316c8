use std::collections::BTreeMap;

use crate::{ERRORS_PER_KIND, ErrorSample};

/// Chooses the first few errors of each kind.
#[derive(Debug, Default)]
pub struct FirstErrors(BTreeMap<String, usize>);

impl FirstErrors {
    /// Whether `sample` is among the first of its kind that were asked for.
    pub fn takes(&mut self, sample: &ErrorSample) -> bool {
        let taken = self.0.entry(sample.kind.clone()).or_default();
        *taken += 1;
        *taken <= ERRORS_PER_KIND
    }
}
