use std::collections::BTreeMap;

use crate::{ObservedKind, ObservedValue, TargetRow};

/// Puts together what several parts observed of one target. Each part counts the response headers of its own answers:
/// these running totals add. All else is the target's own account, the same for whoever asks: one part's is taken.
#[derive(Debug)]
pub struct TargetSum {
    /// Source and name of the values that add.
    adding: Vec<(String, String)>,
    observer: usize,
    waiting: BTreeMap<u64, Vec<(usize, TargetRow)>>,
    /// The last total of each part, by the value's place in `adding` and its component.
    totals: BTreeMap<(usize, String), BTreeMap<usize, f64>>,
    /// The last second that was taken.
    taken: u64,
}

impl TargetSum {
    /// Of the values `defined`; those that do not add are taken from part `observer`.
    pub fn new(defined: &[ObservedValue], observer: usize) -> Self {
        let adding = defined.iter().filter(|value| value.kind == ObservedKind::Header);
        Self {
            adding: adding.map(|value| (value.source.clone(), value.name.clone())).collect(),
            observer,
            waiting: BTreeMap::new(),
            totals: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Takes rows of part `part`, which come in order of time. Those of a second that was taken already are left out: a
    /// later reading of the same totals will tell as much, and the rows of a record are in order.
    pub fn push(&mut self, part: usize, rows: Vec<TargetRow>) {
        for row in rows.into_iter().filter(|row| row.second >= self.taken) {
            self.waiting.entry(row.second).or_default().push((part, row));
        }
    }

    /// The rows up to second `last`, in order of time.
    pub fn take(&mut self, last: u64) -> Vec<TargetRow> {
        let mut rows = Vec::new();
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() <= last) {
            let (second, waiting) = first.remove_entry();
            self.taken = second;
            let mut grown = Vec::new();
            for (part, row) in waiting {
                let value =
                    self.adding.iter().position(|(source, name)| row.source == *source && row.name == *name);
                match value {
                    Some(value) => {
                        self.totals.entry((value, row.component)).or_default().insert(part, row.value);
                        grown.push(value);
                    }
                    None if part == self.observer => rows.push(row),
                    None => {}
                }
            }
            for ((value, component), totals) in
                self.totals.iter().filter(|((value, _), _)| grown.contains(value))
            {
                let (source, name) = self.adding[*value].clone();
                let value = totals.values().sum();
                rows.push(TargetRow { second, source, name, component: component.clone(), value });
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: u64, name: &str, component: &str, value: f64) -> TargetRow {
        let source = if name == "x-cache" { "headers" } else { "service" };
        TargetRow { second, source: source.into(), name: name.into(), component: component.into(), value }
    }

    #[test]
    fn headers_add_and_the_rest_is_the_observers() {
        let defined = [
            ObservedValue { source: "headers".into(), name: "x-cache".into(), kind: ObservedKind::Header },
            ObservedValue { source: "service".into(), name: "level".into(), kind: ObservedKind::Gauge },
        ];
        let mut sum = TargetSum::new(&defined, 1);
        sum.push(
            0,
            vec![row(0, "x-cache", "HIT", 5.0), row(0, "level", "value", 7.0), row(1, "x-cache", "HIT", 9.0)],
        );
        sum.push(1, vec![row(0, "x-cache", "HIT", 2.0), row(0, "level", "value", 8.0)]);
        assert_eq!(sum.take(0), [row(0, "level", "value", 8.0), row(0, "x-cache", "HIT", 7.0)]);
        // A part that was not heard in a second has not forgotten its total; a component may come later.
        sum.push(1, vec![row(2, "x-cache", "HIT", 3.0), row(2, "x-cache", "MISS", 1.0)]);
        let expected =
            [row(1, "x-cache", "HIT", 11.0), row(2, "x-cache", "HIT", 12.0), row(2, "x-cache", "MISS", 1.0)];
        assert_eq!(sum.take(9), expected);
        assert!(sum.take(u64::MAX).is_empty());
        sum.push(1, vec![row(1, "level", "value", 1.0)]);
        assert!(sum.take(u64::MAX).is_empty(), "the rows of a record are in order");
    }
}
