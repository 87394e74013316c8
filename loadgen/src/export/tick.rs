use record::{Histogram, Histograms, Kind, SeriesRow};

/// One second of a run, as the meters take it.
#[derive(Debug, Clone)]
pub struct Tick {
    /// Its row of the record.
    pub row: SeriesRow,
    /// Response times of the successful requests that ended in it, by request name: microseconds and how often.
    pub response_us: Vec<(String, Vec<(u64, u64)>)>,
    /// Requests that failed in it: name, kind, how many.
    pub failed: Vec<(String, String, u64)>,
}

impl Tick {
    /// Takes from a second what the meters need.
    pub fn of(row: &SeriesRow, histograms: &Histograms) -> Self {
        let mut tick = Self { row: row.clone(), response_us: Vec::new(), failed: Vec::new() };
        for (tag, histogram) in histograms {
            match &tag.kind {
                Kind::Response => tick.response_us.push((tag.request.clone(), sparse(histogram))),
                Kind::Error(kind) => tick.failed.push((tag.request.clone(), kind.clone(), histogram.len())),
                _ => {}
            }
        }
        tick
    }
}

/// The values of a histogram in order, each as the middle of its bucket, which is true to three digits.
fn sparse(histogram: &Histogram) -> Vec<(u64, u64)> {
    let values = histogram.iter_recorded();
    values
        .map(|it| (histogram.median_equivalent(it.value_iterated_to()), it.count_since_last_iteration()))
        .collect()
}

/// Upper bounds of the buckets that response times are told in, seconds: fixed, so that series of different runs can be
/// added up and compared.
pub(super) const BOUNDS_S: [f64; 18] = [
    0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0,
];

#[cfg(test)]
mod tests {
    use record::{Tag, new_histogram};

    use super::*;

    #[test]
    fn a_tick_keeps_every_count_and_values_to_three_digits() {
        let mut histogram = new_histogram();
        histogram.record_n(120, 3).unwrap();
        histogram.record_n(2_345_678, 2).unwrap();
        let tag = |kind| Tag { request: "list".into(), kind };
        let mut failed = new_histogram();
        failed.record_n(9, 4).unwrap();
        let histograms = Histograms::from([
            (tag(Kind::Response), histogram),
            (tag(Kind::Lag), failed.clone()),
            (tag(Kind::Error("timeout".into())), failed),
        ]);
        let tick = Tick::of(&SeriesRow::default(), &histograms);
        assert_eq!(tick.failed, [("list".to_owned(), "timeout".to_owned(), 4)]);
        let [(name, values)] = tick.response_us.as_slice() else { panic!("one request") };
        assert_eq!((name.as_str(), values[0], values[1].1), ("list", (120, 3), 2));
        assert!(values[1].0.abs_diff(2_345_678) < 2_346);
    }
}
