//! Waiting in front of servers: Erlang's loss and delay formulas, and what follows from them.

/// Erlang's loss formula: the probability that all of `servers` are busy when `offered` erlangs (arrival rate × service
/// time) are offered and nobody waits.
///
/// `B(0) = 1`, `B(c) = a·B(c−1) / (c + a·B(c−1))`, which overflows for no `c` (Jagerman, *Bell System Technical Journal*
/// 53, 1974; Gross et al., *Fundamentals of Queueing Theory*, 4th ed., eq. 2.52).
pub fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, servers| {
        let busy = offered * blocked;
        busy / (f64::from(servers) + busy)
    })
}

/// Erlang's delay formula: the probability that an arrival has to wait in M/M/c; 1 where the servers cannot keep up.
///
/// `C = B / (1 − ρ·(1 − B))` with `ρ = a/c` (Gross et al., eq. 2.54).
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let utilisation = offered / f64::from(servers.max(1));
    if servers == 0 || utilisation >= 1.0 {
        return 1.0;
    }
    let blocked = erlang_b(servers, offered);
    blocked / (1.0 - utilisation * (1.0 - blocked))
}

/// A tier of equal servers behind one queue, with Poisson arrivals and exponential service times (M/M/c).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tier {
    /// Servers.
    pub servers: u32,
    /// Mean service time of one, seconds.
    pub service_s: f64,
}

impl Tier {
    /// Share of its time that a server is busy at `rate_per_s`; 1 and more where they cannot keep up.
    pub fn utilisation(&self, rate_per_s: f64) -> f64 {
        rate_per_s * self.service_s / f64::from(self.servers)
    }

    /// Mean time an arrival waits for a server, seconds: `C / (c/s − λ)` (Gross et al., eq. 2.34). Nothing where the
    /// servers cannot keep up: the queue grows without end.
    pub fn wait_s(&self, rate_per_s: f64) -> Option<f64> {
        let spare = f64::from(self.servers) / self.service_s - rate_per_s;
        let waits = erlang_c(self.servers, rate_per_s * self.service_s);
        (spare > 0.0).then(|| waits / spare)
    }

    /// The `quantile` (0..1) of that time, seconds: `P(W > t) = C·exp(−(c/s − λ)·t)` (Gross et al., eq. 2.38), so
    /// `ln(C / (1−q)) / (c/s − λ)`, and 0 for the share that need not wait at all.
    pub fn wait_quantile_s(&self, rate_per_s: f64, quantile: f64) -> Option<f64> {
        let spare = f64::from(self.servers) / self.service_s - rate_per_s;
        let waits = erlang_c(self.servers, rate_per_s * self.service_s);
        (spare > 0.0).then(|| ((waits / (1.0 - quantile)).ln() / spare).max(0.0))
    }
}

/// Mean time an arrival waits, seconds, for the one server of M/D/1, whose service always takes `service_s`:
/// `ρ·s / (2·(1−ρ))`, half of M/M/1's (Pollaczek–Khinchine without variance; Gross et al., §5.1.2). Nothing where it
/// cannot keep up.
pub fn constant_service_wait_s(rate_per_s: f64, service_s: f64) -> Option<f64> {
    let busy = rate_per_s * service_s;
    (busy < 1.0).then(|| busy * service_s / (2.0 * (1.0 - busy)))
}

/// The share of arrivals that wait at most `wait_s` seconds for that server, 0..1; nothing where it cannot keep up.
///
/// `P(W ≤ t) = (1−ρ)·Σ (−λ(t−kD))ᵏ/k! · exp(λ(t−kD))`, `k` from 0 to `⌊t/D⌋` (Erlang, *Nyt Tidsskrift for Matematik B* 20, 1909;
/// Gross et al., §6.1). Its terms change sign and grow, so that past [`FAR`] services the tail is carried on by its own decay,
/// which is geometric from a few services on (Tijms, *A First Course in Stochastic Models*, 2003, §9.6).
pub fn constant_service_waits_at_most(rate_per_s: f64, service_s: f64, wait_s: f64) -> Option<f64> {
    let busy = rate_per_s * service_s;
    if busy >= 1.0 {
        return None;
    }
    let services = (wait_s / service_s).max(0.0);
    if services <= FAR {
        return Some(erlang_d(busy, services));
    }
    let (near, far) = (1.0 - erlang_d(busy, FAR - 1.0), 1.0 - erlang_d(busy, FAR));
    Some(1.0 - far * (far / near).powf(services - FAR))
}

/// Services up to which Erlang's sum keeps nine digits.
const FAR: f64 = 12.0;

/// `P(W ≤ services·D)` with `busy = λD`.
fn erlang_d(busy: f64, services: f64) -> f64 {
    let (mut sum, mut factorial) = (0.0, 1.0);
    for k in 0..=services.floor() as i32 {
        factorial *= f64::from(k.max(1));
        let left = busy * (services - f64::from(k));
        sum += (-left).powi(k) / factorial * left.exp();
    }
    (1.0 - busy) * sum
}

/// The `quantile` (0..1) of that wait, seconds.
pub fn constant_service_wait_quantile_s(rate_per_s: f64, service_s: f64, quantile: f64) -> Option<f64> {
    let at_most = |wait_s| constant_service_waits_at_most(rate_per_s, service_s, wait_s);
    let (mut low, mut high) = (0.0, service_s);
    while at_most(high)? < quantile {
        (low, high) = (high, 2.0 * high);
    }
    // Half of a half, sixty times: past the digits of a number.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(middle)? < quantile { low = middle } else { high = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_loss_formula_gives_the_printed_traffic_tables() {
        // Erlang B table at a loss of 1 % (e.g. ITU-D SG 2/16 Teletraffic Engineering Handbook): trunks, erlangs.
        for (servers, offered) in
            [(1, 0.0101), (5, 1.361), (10, 4.461), (20, 12.031), (50, 37.901), (100, 84.064)]
        {
            let lost = erlang_b(servers, offered);
            assert!((lost - 0.01).abs() < 5e-5, "{servers} trunks: {lost}");
        }
    }

    #[test]
    fn the_delay_formula_gives_the_textbook_clinic() {
        // Gross et al., example 2.2: three doctors, 20 minutes each, six patients an hour: P₀ = 1/9, L_q = 8/9,
        // W_q = 0.148 h.
        assert!((erlang_c(3, 2.0) - 4.0 / 9.0).abs() < 1e-12);
        let clinic = Tier { servers: 3, service_s: 1200.0 };
        let wait_s = clinic.wait_s(6.0 / 3600.0).unwrap();
        assert!((wait_s / 3600.0 - 8.0 / 9.0 / 6.0).abs() < 1e-9, "{wait_s}");
        // One server: C = ρ, and the wait is ρ·s/(1−ρ); with constant service, half of it.
        let one = Tier { servers: 1, service_s: 0.1 };
        assert!((one.wait_s(8.0).unwrap() - 0.4).abs() < 1e-12);
        assert!((constant_service_wait_s(8.0, 0.1).unwrap() - 0.2).abs() < 1e-12);
        // P(W ≤ t) = 1 − ρ·exp(−(μ−λ)t): half of those who find ρ = 0.8 wait less than ln(1.6)/2 s.
        assert!((one.wait_quantile_s(8.0, 0.5).unwrap() - 1.6_f64.ln() / 2.0).abs() < 1e-12);
        assert_eq!(one.wait_quantile_s(2.0, 0.5), Some(0.0));
    }

    #[test]
    fn the_waits_for_a_constant_service_are_those_of_erlangs_sum() {
        // By hand at ρ = 0.5, D = 1: P(W ≤ 0) = 1 − ρ; P(W ≤ 1) = ½·e^0.5 = 0.824 361 (for t < D the queue is empty but for the
        // one served); P(W ≤ 2) = ½·(e − ½·e^0.5) = 0.946 960.
        let at = |wait| constant_service_waits_at_most(0.5, 1.0, wait).unwrap();
        assert!((at(0.0) - 0.5).abs() < 1e-12);
        assert!((at(1.0) - 0.5 * 0.5_f64.exp()).abs() < 1e-9, "{}", at(1.0));
        assert!((at(2.0) - 0.5 * (1.0_f64.exp() - 0.5 * 0.5_f64.exp())).abs() < 1e-9, "{}", at(2.0));
        // Its mean, the area over the curve, is Pollaczek's and Khinchine's.
        for busy in [0.5, 0.8, 0.95] {
            let over: f64 = (0..400_000)
                .map(|step| {
                    1.0 - constant_service_waits_at_most(busy, 1.0, (f64::from(step) + 0.5) / 1000.0).unwrap()
                })
                .sum();
            let mean = constant_service_wait_s(busy, 1.0).unwrap();
            assert!((over / 1000.0 / mean - 1.0).abs() < 1e-4, "{busy}: {} against {mean}", over / 1000.0);
        }
        assert_eq!(constant_service_wait_quantile_s(1.0, 1.0, 0.5), None);
        let p99 = constant_service_wait_quantile_s(80.0, 0.01, 0.99).unwrap();
        assert!((constant_service_waits_at_most(80.0, 0.01, p99).unwrap() - 0.99).abs() < 1e-9);
    }

    #[test]
    fn servers_that_cannot_keep_up_have_no_wait_to_tell() {
        let tier = Tier { servers: 4, service_s: 0.01 };
        assert_eq!((tier.wait_s(400.0), tier.wait_quantile_s(500.0, 0.99)), (None, None));
        assert_eq!((constant_service_wait_s(100.0, 0.01), erlang_c(4, 4.0)), (None, 1.0));
    }

    proptest! {
        #[test]
        fn more_load_waits_longer_and_more_servers_shorter(servers in 1u32..200, service_s in 0.001f64..1.0, busy in 0.05f64..0.9) {
            let tier = Tier { servers, service_s };
            let rate = busy * f64::from(servers) / service_s;
            let wait = tier.wait_s(rate).unwrap();
            prop_assert!(wait >= 0.0 && wait <= tier.wait_s(rate * 1.05).unwrap());
            let more = Tier { servers: servers + 1, ..tier };
            prop_assert!(more.wait_s(rate).unwrap() <= wait);
            prop_assert!((0.0..=1.0).contains(&erlang_c(servers, rate * service_s)));
        }
    }
}
