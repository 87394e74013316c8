use super::Z;

/// What Little's law says of a run: the mean number of requests in flight against arrival rate × time in flight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Little {
    /// Mean of the counts in flight, as sampled.
    pub seen: f64,
    /// `λ·W`.
    pub expected: f64,
    /// How far the two may differ.
    pub tolerance: f64,
}

impl Little {
    /// Whether the two agree.
    pub fn holds(&self) -> bool {
        (self.seen - self.expected).abs() <= self.tolerance
    }
}

/// Holds `L = λ·W` (Little, *Operations Research* 9, 1961) against a run: `in_flight` are counts sampled at even
/// distances, `rate_per_s` is λ of all requests that ended, `mean_s` their mean time in flight.
///
/// The tolerance is the widest of a tenth of `λ·W`, one request (a count cannot be read finer), and the 95 % half
/// width of the sampled mean with the samples' first-order autocorrelation `r` taken into account,
/// `z·s/√n·√((1+r)/(1−r))` (Law, *Simulation Modeling and Analysis*, 5th ed., §4.4). Nothing with fewer than
/// [`MIN_SAMPLES`] samples: a few readings of a fluctuating count say nothing.
pub fn little(in_flight: &[u64], rate_per_s: f64, mean_s: f64) -> Option<Little> {
    if in_flight.len() < MIN_SAMPLES {
        return None;
    }
    let n = in_flight.len() as f64;
    let seen = in_flight.iter().sum::<u64>() as f64 / n;
    let deviations: Vec<f64> = in_flight.iter().map(|count| *count as f64 - seen).collect();
    let squares: f64 = deviations.iter().map(|it| it * it).sum();
    let lagged: f64 = deviations.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let r = if squares > 0.0 { (lagged / squares).clamp(0.0, 0.99) } else { 0.0 };
    let half_width = Z * (squares / (n - 1.0) / n).sqrt() * ((1.0 + r) / (1.0 - r)).sqrt();
    let expected = rate_per_s * mean_s;
    Some(Little { seen, expected, tolerance: half_width.max(expected / 10.0).max(1.0) })
}

/// Samples below which the law is not held against a run.
pub const MIN_SAMPLES: usize = 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_hundred_requests_a_second_of_fifty_milliseconds_keep_ten_in_flight() {
        let law = little(&[10, 9, 11, 10, 10, 12, 8, 10, 9, 11, 10, 10], 200.0, 0.05).unwrap();
        assert_eq!(law.expected, 10.0);
        assert!(law.holds());
    }

    #[test]
    fn times_that_leave_the_queue_out_are_found_out() {
        // 40 are in flight, yet each claims to have taken only 50 ms.
        let law = little(&[40; 30], 200.0, 0.05).unwrap();
        assert!(!law.holds());
    }

    #[test]
    fn nine_readings_are_too_few_to_say() {
        assert_eq!(little(&[10; 9], 200.0, 0.05), None);
    }

    proptest! {
        #[test]
        fn a_steady_run_that_keeps_the_law_is_never_accused(level in 0u64..5000, n in 10usize..400, rate in 1.0f64..10_000.0) {
            prop_assert!(little(&vec![level; n], rate, level as f64 / rate).unwrap().holds());
        }
    }
}
