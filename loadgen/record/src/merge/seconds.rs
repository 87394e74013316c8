use crate::{Kind, Second, SeriesRow, new_histogram, writer::add};

/// The same second of several parts as one. What a generator uses of its machine adds; the worst lateness is the worst of
/// all, and so is what a host took of its machine; the 99th percentile of start lag is that of all their requests together.
/// Rows of the target are left to [`super::TargetSum`].
pub fn sum(second: u64, parts: impl IntoIterator<Item = Second>) -> Second {
    let mut whole = Second { row: SeriesRow { second, ..SeriesRow::default() }, ..Second::default() };
    for part in parts {
        add_row(&mut whole.row, &part.row);
        part.histograms.into_iter().for_each(|(tag, histogram)| add(&mut whole.histograms, tag, &histogram));
    }
    let mut lag = new_histogram();
    for (_, histogram) in whole.histograms.iter().filter(|(tag, _)| tag.kind == Kind::Lag) {
        lag.add(histogram).expect("a growing histogram takes any other");
    }
    whole.row.lag_p99_us = (!lag.is_empty()).then(|| lag.value_at_quantile(0.99));
    whole
}

/// The higher of two figures that may be unknown.
fn worse(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

fn add_row(sum: &mut SeriesRow, part: &SeriesRow) {
    let SeriesRow {
        second: _,
        offered,
        dropped,
        started,
        completed,
        failed,
        errors,
        in_flight,
        users,
        bytes_out,
        bytes_in,
        lag_p99_us: _,
        timer_slip_us,
        cpu_cores,
        cpu_wait,
        memory_bytes,
        open_files,
        cpu_stolen,
    } = part;
    sum.offered += offered;
    sum.dropped += dropped;
    sum.started += started;
    sum.completed += completed;
    sum.failed += failed;
    for (kind, count) in &errors.0 {
        *sum.errors.0.entry(kind.clone()).or_default() += count;
    }
    sum.in_flight += in_flight;
    sum.users += users;
    sum.bytes_out += bytes_out;
    sum.bytes_in += bytes_in;
    sum.timer_slip_us = sum.timer_slip_us.max(*timer_slip_us);
    sum.cpu_cores += cpu_cores;
    sum.cpu_wait += cpu_wait;
    sum.memory_bytes += memory_bytes;
    sum.open_files += open_files;
    // Parts may be of one machine: its share is not theirs to add.
    sum.cpu_stolen = worse(sum.cpu_stolen, *cpu_stolen);
}
