//! Pauses.

use super::Check;
use crate::{
    flow::think::Think,
    plan::{de::At, file, forms::Time, shapes::OrMap},
};

impl Check<'_> {
    /// The law of a pause.
    pub fn think(&mut self, think: &At<OrMap<Time, file::Think>>) -> Option<Think> {
        let law = match &think.value {
            OrMap::Short(time) => return Some(Think::Constant(time.0)),
            OrMap::Map(law) => law,
        };
        match (&law.constant, &law.uniform, &law.exponential, &law.lognormal) {
            (Some(time), None, None, None) => Some(Think::Constant(time.0)),
            (None, Some(range), None, None) => {
                let [from, to] = &range.value;
                if from.0 > to.0 {
                    self.problem(from.span, "the shorter pause comes first: `uniform: [1s, 3s]`");
                }
                Some(Think::Uniform(from.0, to.0))
            }
            (None, None, Some(mean), None) => Some(Think::Exponential(mean.0)),
            (None, None, None, Some(law)) => {
                let (Some(median), Some(p95)) = (&law.median, &law.p95) else {
                    self.problem(law.span, "both are needed: `lognormal: { median: 3s, p95: 9s }`");
                    return None;
                };
                if median.0.is_zero() || p95.0 < median.0 {
                    let right = "`lognormal: { median: 3s, p95: 9s }`";
                    self.problem(
                        law.span,
                        format!("the median is above 0 and the p95 is not below it: {right}"),
                    );
                    return None;
                }
                Some(Think::lognormal(median.0, p95.0))
            }
            _ => {
                self.problem(
                    think.span,
                    "a pause is exactly one of `constant`, `uniform`, `exponential` and `lognormal`, or a time: `think: 2s`",
                );
                None
            }
        }
    }
}
