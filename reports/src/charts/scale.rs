use record::unit::show_us;

/// From a figure's unit to a position on the sheet.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    /// `low..high` evenly onto `from..to`.
    pub fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, from, to, log: false }
    }

    /// `low..high`, both over 0, onto `from..to` by their logarithms.
    pub fn log(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self { low: low.ln(), high: if high > low { high.ln() } else { low.ln() + 1.0 }, from, to, log: true }
    }

    /// Where `value` lies.
    pub fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }
}

/// About `count` round values from 0 to at least `high`: steps of 1, 2 or 5 times a power of ten.
pub fn round_ticks(high: f64, count: usize) -> Vec<f64> {
    if high <= 0.0 {
        return vec![0.0, 1.0];
    }
    let rough = high / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|it| it * power)
        .into_iter()
        .find(|it| *it >= rough * 0.999)
        .unwrap_or(rough);
    (0..=(high / step - 1e-9).ceil() as usize).map(|index| index as f64 * step).collect()
}

/// Values of 1 and 3 (within one decade: 1, 2 and 5) times powers of ten that frame `low..high`, microseconds, with
/// their names.
pub fn log_ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let (low, high) = (low.max(1.0), high.max(low.max(1.0)));
    let steps: &[f64] = match high / low {
        wide if wide > 2_000.0 => &[1.0],
        middle if middle > 8.0 => &[1.0, 3.0],
        _ => &[1.0, 2.0, 5.0],
    };
    let all: Vec<f64> =
        (0..10).flat_map(|power| steps.iter().map(move |step| step * 10_f64.powi(power))).collect();
    let first = all.iter().rposition(|tick| *tick <= low * 1.001).unwrap_or(0);
    let last = all.iter().position(|tick| *tick >= high * 0.999).unwrap_or(all.len() - 1).max(first + 1);
    all[first..=last.min(all.len() - 1)].iter().map(|tick| (*tick, show_us(*tick))).collect()
}

/// Round positions in time, about `count` of them in `seconds`.
pub fn time_ticks(seconds: f64, count: usize) -> Vec<u64> {
    const STEPS: [u64; 16] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200];
    let rough = seconds / count.max(1) as f64;
    let days = (rough / 86_400.0).ceil().max(1.0) as u64 * 86_400;
    let step = STEPS.into_iter().find(|step| *step as f64 >= rough).unwrap_or(days);
    (0..=(seconds / step as f64) as u64).map(|index| index * step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round_and_frame_the_data() {
        assert_eq!(round_ticks(870.0, 4), [0.0, 500.0, 1000.0]);
        assert_eq!(round_ticks(1.0, 4), [0.0, 0.5, 1.0]);
        let names = |low, high| log_ticks(low, high).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        assert_eq!(names(4_000.0, 90_000.0), ["3 ms", "10 ms", "30 ms", "100 ms"]);
        assert_eq!(names(5_000.0, 9_000.0), ["5 ms", "10 ms"]);
        assert_eq!(time_ticks(240.0, 8), [0, 30, 60, 90, 120, 150, 180, 210, 240]);
        assert_eq!(time_ticks(1.0, 8), [0, 1]);
    }

    proptest! {
        #[test]
        fn every_value_lies_between_the_ends_of_its_ticks(low in 1.0f64..1e7, factor in 1.0f64..1e5) {
            let ticks = log_ticks(low, low * factor);
            prop_assert!(ticks[0].0 <= low * 1.01 && ticks.len() >= 2 && ticks.len() < 16);
            prop_assert!(ticks[ticks.len() - 1].0 >= (low * factor).min(9e8) * 0.99);
            let linear = round_ticks(low * factor, 4);
            prop_assert!(linear.len() <= 7 && linear[linear.len() - 1] >= low * factor * 0.999);
        }

        #[test]
        fn a_scale_never_leaves_its_sheet(value in prop::num::f64::NORMAL, log: bool) {
            let scale = if log { Scale::log(1.0, 100.0, 0.0, 300.0) } else { Scale::linear(0.0, 100.0, 0.0, 300.0) };
            prop_assert!((0.0..=300.0).contains(&scale.at(value)));
        }
    }
}
