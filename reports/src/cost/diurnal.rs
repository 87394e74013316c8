use std::f64::consts::TAU;

/// The hour of the day's peak; which one it is changes no sum.
const PEAK_HOUR: f64 = 20.0;
const HOURS: usize = 24;
const MINUTES: usize = HOURS * 60;

/// A day's load by hour as shares of its peak, the same every day.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    hours: [f64; HOURS],
}

impl Day {
    /// The smooth day whose peak is `peak_over_mean` times its mean (1 to 20): `exp(κ(cos(2π(h−20)/24)−1))`, the shape of
    /// von Mises' density (Mardia & Jupp, *Directional Statistics*, 2000, §3.5.4), κ found by halving.
    pub fn of(peak_over_mean: f64) -> Self {
        let at = |kappa: f64| -> [f64; HOURS] {
            std::array::from_fn(|hour| (kappa * (((hour as f64 - PEAK_HOUR) / 24.0 * TAU).cos() - 1.0)).exp())
        };
        let (mut low, mut high) = (0.0, 500.0);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            let day = Self { hours: at(middle) };
            if day.peak_over_mean() < peak_over_mean { low = middle } else { high = middle }
        }
        Self { hours: at(low) }
    }

    /// Each hour's share of the peak.
    pub const fn hours(&self) -> &[f64; HOURS] {
        &self.hours
    }

    /// The peak over the mean.
    pub fn peak_over_mean(&self) -> f64 {
        let peak = self.hours.iter().copied().fold(0.0, f64::max);
        peak * HOURS as f64 / self.hours.iter().sum::<f64>()
    }

    /// The mean as a share of the peak.
    pub fn mean(&self) -> f64 {
        self.hours.iter().sum::<f64>() / HOURS as f64
    }

    /// The share of the peak at a minute, in a straight line from hour to hour.
    fn minute(&self, minute: usize) -> f64 {
        let (hour, part) = (minute / 60 % HOURS, (minute % 60) as f64 / 60.0);
        self.hours[hour] * (1.0 - part) + self.hours[(hour + 1) % HOURS] * part
    }

    /// Instance-hours of a day that are paid for where `need` instances carry a share of the peak and one takes `lag_min`
    /// from its order to its first request: an instance must have been ordered, and is paid for, that long before the load
    /// that needs it. `paid(t) = max need(load(s)), t ≤ s ≤ t + lag`.
    pub fn autoscaled_hours(&self, lag_min: usize, need: impl Fn(f64) -> u64) -> f64 {
        let needed: Vec<u64> = (0..MINUTES).map(|minute| need(self.minute(minute))).collect();
        let ahead = lag_min.min(MINUTES - 1);
        let paid = (0..MINUTES).map(|minute| {
            (minute..=minute + ahead).map(|ahead| needed[ahead % MINUTES]).max().unwrap_or_default()
        });
        paid.sum::<u64>() as f64 / 60.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_even_day_needs_the_same_all_day() {
        let day = Day::of(1.0);
        assert!((day.mean() - 1.0).abs() < 1e-9);
        assert_eq!(day.autoscaled_hours(10, |share| (share * 4.0 - 1e-9).ceil() as u64), 96.0);
    }

    #[test]
    fn a_day_of_two_steps_is_paid_a_lag_early() {
        // Full from 6:00 to 18:00, a quarter otherwise, without slopes but within the hours at the steps.
        let hours = std::array::from_fn(|hour| if (6..18).contains(&hour) { 1.0 } else { 0.25 });
        let day = Day { hours };
        let need = |share: f64| if share > 0.25 { 4 } else { 1 };
        // The slopes from 5:00 and to 18:00 count as full: 779 minutes of four, 661 of one.
        let without = day.autoscaled_hours(0, need);
        assert!((without - (779.0 * 4.0 + 661.0) / 60.0).abs() < 1e-9, "{without}");
        // Ten minutes' lag: three instances more, ten minutes longer.
        assert!((day.autoscaled_hours(10, need) - without - 0.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn a_day_has_the_peak_that_was_asked_for(asked in 1.01f64..12.0) {
            let day = Day::of(asked);
            prop_assert!((day.peak_over_mean() - asked).abs() < 1e-6);
            prop_assert!((day.mean() * asked - 1.0).abs() < 1e-6);
            prop_assert!(day.hours().iter().all(|share| (0.0..=1.0).contains(share)));
        }

        #[test]
        fn more_lag_is_never_cheaper_and_never_dearer_than_the_peak_all_day(asked in 1.0f64..6.0, lag in 0usize..120, peak in 1u64..40) {
            let day = Day::of(asked);
            let need = |share: f64| (share * peak as f64 - 1e-9).ceil() as u64;
            let hours = day.autoscaled_hours(lag, need);
            prop_assert!(hours <= day.autoscaled_hours(lag + 5, need) && hours <= peak as f64 * 24.0);
            prop_assert!(hours >= day.mean() * peak as f64 * 24.0 * 0.95);
        }
    }
}
