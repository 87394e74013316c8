use record::{Histogram, Window, min_samples};
use serde::Serialize;

/// How the answers of the run spread over latency, stretch by stretch: at most [`COLUMNS`] × [`BANDS`] counts, however long
/// the run was.
#[derive(Debug, Clone, Serialize)]
pub struct Heat {
    /// Answers in it, warm-up included.
    pub n: u64,
    /// Width of a column; the last may be cut short by the end of the run.
    pub column_s: u64,
    /// Shares of a column's answers at which a cell's colour changes, rising, 0..1.
    pub levels_ratio: Vec<f64>,
    /// Bands of response time, the fastest first, without a gap. Empty where nothing was answered.
    pub bands: Vec<Band>,
    /// Stretches of the run, in order; those without an answer are left out.
    pub columns: Vec<Column>,
}

/// A band of response time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Band {
    /// Where it begins.
    pub from_us: f64,
    /// Where it ends; what took exactly so long is in the next.
    pub to_us: f64,
    /// Answers in it over the whole run.
    pub n: u64,
    /// Of all answers.
    pub share_ratio: f64,
}

/// A stretch of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// First second.
    pub from_s: u64,
    /// One past the last.
    pub to_s: u64,
    /// Its answers.
    pub n: u64,
    /// The place in `bands` of the fastest that holds an answer.
    pub first: usize,
    /// Answers by band, from that one to the slowest that holds an answer.
    pub counts: Vec<u64>,
    /// The place in `bands` of the one that holds the most answers; the faster, where two hold as many.
    pub most: usize,
    /// Share of its answers in that band.
    pub most_ratio: f64,
}

/// The most columns.
pub const COLUMNS: usize = 60;
/// The most bands.
pub const BANDS: usize = 40;
/// Where the colour of a cell changes: each step up is a few times the one before, so that a tail of a thousandth shows
/// beside the bulk.
const LEVELS: [f64; 5] = [0.001, 0.01, 0.05, 0.2, 0.5];

/// Preferred numbers (ISO 3: R 40, R 20, R 10, R 5, then two and one a decade) times a hundred: bands of nearly the same width
/// on an axis of logarithms, with ends that people can read.
const SERIES: [&[u64]; 6] = [
    &[
        100, 106, 112, 118, 125, 132, 140, 150, 160, 170, 180, 190, 200, 212, 224, 236, 250, 265, 280, 300,
        315, 335, 355, 375, 400, 425, 450, 475, 500, 530, 560, 600, 630, 670, 710, 750, 800, 850, 900, 950,
    ],
    &[100, 112, 125, 140, 160, 180, 200, 224, 250, 280, 315, 355, 400, 450, 500, 560, 630, 710, 800, 900],
    &[100, 125, 160, 200, 250, 315, 400, 500, 630, 800],
    &[100, 160, 250, 400, 630],
    &[100, 315],
    &[100],
];
/// Decades of microseconds that a count of 64 bits can reach.
const DECADES: i32 = 21;

/// Spreads the response times of bins of `bin_s` seconds, one histogram a window. It reads the bins and not the seconds, so
/// that an hour costs no more than three minutes.
pub fn heat(windows: &[Window], bin_s: u64, response: &[Histogram]) -> Heat {
    let filled = || response.iter().filter(|it| !it.is_empty());
    let ends = filled().map(Histogram::min).min().zip(filled().map(Histogram::max).max());
    let edges = ends.map_or_else(Vec::new, |(low, high)| edges(low, high));
    let bins = windows.len().div_ceil(COLUMNS).max(1);
    let mut totals = vec![0; edges.len().saturating_sub(1)];
    let mut columns = Vec::new();
    for (windows, response) in windows.chunks(bins).zip(response.chunks(bins)) {
        let mut counts = vec![0; totals.len()];
        for recorded in response.iter().flat_map(Histogram::iter_recorded) {
            let after = edges.partition_point(|edge| *edge <= recorded.value_iterated_to() as f64);
            // Only an answer in no time at all lies before the first edge.
            counts[after.saturating_sub(1).min(totals.len() - 1)] += recorded.count_since_last_iteration();
        }
        totals.iter_mut().zip(&counts).for_each(|(total, count)| *total += count);
        columns.extend(column(windows, &counts));
    }
    let n: u64 = totals.iter().sum();
    let bands = edges.windows(2).zip(totals).map(|(edge, count)| Band {
        from_us: edge[0],
        to_us: edge[1],
        n: count,
        share_ratio: count as f64 / n.max(1) as f64,
    });
    Heat { n, column_s: bins as u64 * bin_s, levels_ratio: LEVELS.into(), bands: bands.collect(), columns }
}

fn column(windows: &[Window], counts: &[u64]) -> Option<Column> {
    let first = counts.iter().position(|count| *count > 0)?;
    let last = counts.iter().rposition(|count| *count > 0)?;
    let n: u64 = counts.iter().sum();
    let most = (first..=last).rev().max_by_key(|place| counts[*place])?;
    Some(Column {
        from_s: windows[0].from_s,
        to_s: windows[windows.len() - 1].to_s,
        n,
        first,
        counts: counts[first..=last].into(),
        most,
        most_ratio: counts[most] as f64 / n as f64,
    })
}

/// The ends of the narrowest bands around `low` to `high` of which there are not too many.
fn edges(low: u64, high: u64) -> Vec<f64> {
    let (low, high) = (low.max(1) as f64, high.max(1) as f64);
    let mut found = Vec::new();
    for series in SERIES {
        let all: Vec<f64> = (0..DECADES)
            .flat_map(|decade| series.iter().map(move |step| *step as f64 * 10_f64.powi(decade) / 100.0))
            .collect();
        let from = all.partition_point(|edge| *edge <= low).saturating_sub(1);
        let to = all.partition_point(|edge| *edge <= high);
        found = all[from..=to].into();
        if found.len() <= BANDS + 1 {
            break;
        }
    }
    found
}

impl Column {
    /// Whether it has too few answers for a share: not even as many as bound a median. One straggler after the end would be all
    /// of its column.
    pub fn is_thin(&self) -> bool {
        self.n < min_samples(0.5)
    }
}

impl Heat {
    /// Which colour a cell with `count` of `n` answers has, 0 for the least.
    pub fn level(&self, count: u64, n: u64) -> usize {
        let share = count as f64 / n.max(1) as f64;
        self.levels_ratio.partition_point(|level| *level <= share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bins: &[&[u64]]) -> Heat {
        let windows: Vec<Window> =
            (0..bins.len() as u64).map(|at| Window { from_s: 2 * at, to_s: 2 * at + 2 }).collect();
        let histogram = |values: &&[u64]| {
            let mut histogram = record::new_histogram();
            values.iter().for_each(|value| histogram.record(*value).unwrap());
            histogram
        };
        heat(&windows, 2, &bins.iter().map(histogram).collect::<Vec<_>>())
    }

    #[test]
    fn answers_are_counted_in_the_band_and_the_stretch_they_belong_to() {
        // Within a decade forty bands: 1,000 begins the first of them.
        let found = of(&[&[1_000, 1_010, 4_000], &[], &[9_900]]);
        let edge = |place: usize| (found.bands[place].from_us, found.bands[place].to_us);
        assert_eq!((edge(0), edge(found.bands.len() - 1)), ((1_000.0, 1_060.0), (9_500.0, 10_000.0)));
        assert_eq!((found.n, found.columns.len(), found.column_s), (4, 2, 2));
        let first = &found.columns[0];
        assert_eq!((first.from_s, first.to_s, first.n, first.first), (0, 2, 3, 0));
        assert_eq!((first.counts[0], first.counts.len(), first.most), (2, 25, 0));
        assert!((first.most_ratio - 2.0 / 3.0).abs() < 1e-12);
        let last = &found.columns[1];
        assert_eq!(
            (last.from_s, last.counts.as_slice(), found.bands[last.first].from_us),
            (4, &[1][..], 9_500.0)
        );
    }

    #[test]
    fn a_cell_is_coloured_by_its_share_of_its_column() {
        let found = of(&[&[1_000]]);
        let level = |count| found.level(count, 1_000);
        assert_eq!([0, 1, 9, 10, 50, 200, 499, 500, 1_000].map(level), [0, 1, 1, 2, 3, 4, 4, 5, 5]);
        assert!(found.columns[0].is_thin() && !of(&[&[1; 6]]).columns[0].is_thin());
    }

    #[test]
    fn without_an_answer_there_is_nothing_to_draw() {
        let found = of(&[&[], &[]]);
        assert!(found.n == 0 && found.bands.is_empty() && found.columns.is_empty(), "{found:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_answer_is_in_one_cell_and_there_are_never_too_many_cells(
            values in prop::collection::vec(prop::collection::vec(0u64..100_000_000, 0..8), 1..90),
        ) {
            let bins: Vec<&[u64]> = values.iter().map(Vec::as_slice).collect();
            let found = of(&bins);
            prop_assert!(found.columns.len() <= COLUMNS && found.bands.len() <= BANDS, "{found:?}");
            let answers: usize = values.iter().map(Vec::len).sum();
            prop_assert_eq!(found.n, answers as u64);
            prop_assert_eq!(found.columns.iter().map(|it| it.n).sum::<u64>(), found.n);
            for column in &found.columns {
                prop_assert_eq!(column.counts.iter().sum::<u64>(), column.n);
                prop_assert!(column.first + column.counts.len() <= found.bands.len());
                prop_assert!(column.counts[column.most - column.first] == *column.counts.iter().max().unwrap());
            }
            for (place, band) in found.bands.iter().enumerate() {
                prop_assert!(band.from_us < band.to_us);
                let cells = found.columns.iter().filter_map(|it| it.counts.get(place.checked_sub(it.first)?));
                prop_assert_eq!(cells.sum::<u64>(), band.n);
            }
        }

        #[test]
        fn bands_frame_what_they_hold_whatever_that_is(low in 1u64..u64::MAX, high in 1u64..u64::MAX) {
            let (low, high) = (low.min(high), low.max(high));
            let edges = edges(low, high);
            prop_assert!(edges.len() >= 2 && edges.len() <= BANDS + 1, "{edges:?}");
            prop_assert!(edges[0] <= low as f64 && edges.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(edges[edges.len() - 1] > high as f64);
        }
    }
}
