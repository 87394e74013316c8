use super::{Day, HOURS_PER_MONTH};

/// What passes a balancer at the peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Connections opened a second.
    pub new_per_s: f64,
    /// Connections open.
    pub active: f64,
    /// Both ways, a second.
    pub bytes_per_s: f64,
    /// Requests a second.
    pub requests_per_s: f64,
    /// Rules that a request is held against, beyond the ten that are free.
    pub rules: f64,
}

/// Of one unit: connections opened a second, connections active, bytes an hour, rules evaluated a second
/// (<https://aws.amazon.com/elasticloadbalancing/pricing/>, Application Load Balancer).
const UNIT: [f64; 4] = [25.0, 3_000.0, (1_u64 << 30) as f64, 1_000.0];

impl Traffic {
    /// The units of an hour at `share` of the peak: the dimension that needs most.
    fn units(&self, share: f64) -> f64 {
        let used = [self.new_per_s, self.active, self.bytes_per_s * 3600.0, self.requests_per_s * self.rules];
        used.into_iter().zip(UNIT).map(|(used, unit)| used * share / unit).fold(0.0, f64::max)
    }
}

/// Load-balancer capacity units times hours of a month: each hour the largest of the four dimensions.
pub fn balancer_units(day: &Day, peak: &Traffic) -> f64 {
    let a_day: f64 = day.hours().iter().map(|share| peak.units(*share)).sum();
    a_day * HOURS_PER_MONTH / 24.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_s_own_example_costs_what_it_says() {
        // From the page named above: 1 new connection a second, each of 2 minutes (120 active), 300 KB/s (1.08 GB an hour,
        // which the page counts by thousands), 4 requests a second, 60 rules of which 10 are free: 1.08 units.
        let peak = Traffic {
            new_per_s: 1.0,
            active: 120.0,
            bytes_per_s: 1.08 * (1_u64 << 30) as f64 / 3600.0,
            requests_per_s: 5.0,
            rules: 50.0,
        };
        assert!((balancer_units(&Day::of(1.0), &peak) / HOURS_PER_MONTH - 1.08).abs() < 1e-9);
        // With twenty times the requests the rules bind: 100 · 50 / 1,000 = 5.
        let busy = Traffic { requests_per_s: 100.0, ..peak };
        assert!((balancer_units(&Day::of(1.0), &busy) / HOURS_PER_MONTH - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_day_with_a_peak_needs_its_mean() {
        let peak =
            Traffic { new_per_s: 50.0, active: 0.0, bytes_per_s: 0.0, requests_per_s: 0.0, rules: 0.0 };
        let units = balancer_units(&Day::of(2.0), &peak);
        assert!((units / HOURS_PER_MONTH - 1.0).abs() < 1e-6, "{units}");
    }
}
