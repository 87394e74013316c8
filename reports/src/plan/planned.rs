use record::unit::{show_count, show_number, show_ratio};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    inputs::{Input, Key, Rests, Values},
    phases::Phase,
    safe::Safe,
    size::{Ground, Sized, Tier, size},
    tornado::{Bar, range, tornado},
};
use crate::{
    capacity::{Basis, FARTHEST},
    cost::{Bill, Catalogue, Part, amount, bill, money},
};

/// What a phase takes and costs.
#[derive(Debug, Clone, Serialize)]
pub struct PhasePlan {
    /// Its name.
    pub name: String,
    /// People at it at the same time, at the peak of the day.
    pub users: f64,
    /// The same in words.
    pub users_text: String,
    /// Requests a second at the peak.
    pub peak_per_s: f64,
    /// The same in words.
    pub peak_text: String,
    /// Requests a month.
    pub requests_a_month: f64,
    /// The tiers.
    pub tiers: Vec<Tier>,
    /// The tiers in words.
    pub topology: String,
    /// Share of the instances' capacity that the peak leaves.
    pub headroom_ratio: f64,
    /// The same in words.
    pub headroom_text: String,
    /// What the size rests on.
    pub basis: Basis,
    /// The same in words.
    pub basis_text: String,
    /// The tiers that are sized by an assumption, in words.
    pub assumed: Vec<&'static str>,
    /// What all instances share and binds next, in words.
    pub binds_next: String,
    /// The bill of a month.
    pub bill: Bill,
    /// What it is split into, in the order of the parts.
    pub parts: Vec<PartCost>,
    /// The cost of a month below which it is not expected.
    pub low: Decimal,
    /// The cost of a month planned by.
    pub mid: Decimal,
    /// The cost of a month above which what has a price is not expected.
    pub high: Decimal,
    /// The cost of a month in words: `at least $2,448` where something has no price.
    pub monthly_text: String,
    /// From low to high in words; `or more` where something has no price.
    pub range_text: String,
    /// Of 1,000 users.
    pub per_1000_users: Decimal,
    /// The same in words.
    pub per_1000_users_text: String,
    /// Of a million requests.
    pub per_million_requests: Decimal,
    /// The same in words.
    pub per_million_requests_text: String,
    /// Whether something has no price.
    pub at_least: bool,
    /// What moves the cost, most first.
    pub tornado: Vec<Bar>,
}

/// What one part of a phase costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartCost {
    /// Which.
    pub part: Part,
    /// A month.
    pub cost: Decimal,
    /// The same in words; empty where the phase does without.
    pub text: String,
    /// Of 1,000 users, in words.
    pub per_1000_users_text: String,
}

/// Plans a phase.
pub fn planned(
    phase: &Phase,
    inputs: &[Input],
    ground: &Ground,
    safe: &Safe,
    catalogue: &Catalogue,
) -> PhasePlan {
    let currency = catalogue.currency();
    let show = |it: Decimal| money(it, currency);
    let sized = size(phase, &Values::mid(inputs), ground, catalogue);
    let bill = bill(sized.items.clone(), catalogue);
    let cost =
        |values: &Values| crate::cost::bill(size(phase, values, ground, catalogue).items, catalogue).total;
    let bars = tornado(inputs, cost, show);
    let (mid, (low, high)) = (bill.total, range(bill.total, &bars));
    let at_least = !bill.unpriced.is_empty();
    let floor = if at_least { "at least " } else { "" };
    let users = phase.users.0;
    let each = |cost: Decimal, of: f64| cost.checked_div(amount(of)).unwrap_or_default().round_dp(4);
    let per_1000_users = each(mid, users / 1000.0);
    let per_million_requests = each(mid, sized.requests_a_month / 1e6);
    let api = sized.tiers.iter().find(|tier| tier.part == Part::Api);
    let headroom_ratio = 1.0 - api.and_then(|tier| tier.used_ratio).unwrap_or(1.0);
    let count = api.map_or(0, |tier| tier.count);
    let basis = basis(sized.peak_per_s, safe, count);
    // A part that a phase does without costs nothing, which is no price.
    let shown = |part: Decimal, money: Decimal| if part.is_zero() { String::new() } else { show(money) };
    let texts: Vec<&str> = sized.tiers.iter().map(|tier| tier.text.as_str()).collect();
    PhasePlan {
        name: phase.name.clone(),
        users,
        users_text: show_count(users.round() as i64),
        peak_per_s: sized.peak_per_s,
        peak_text: format!("{}/s", show_number(sized.peak_per_s)),
        requests_a_month: sized.requests_a_month,
        topology: texts.join(", "),
        headroom_ratio,
        headroom_text: show_ratio(headroom_ratio),
        basis_text: basis.words(),
        basis,
        assumed: assumed(&sized, inputs),
        binds_next: binds_next(&sized),
        parts: Part::ALL
            .into_iter()
            .map(|part| PartCost {
                part,
                cost: bill.of(part),
                text: shown(bill.of(part), bill.of(part)),
                per_1000_users_text: shown(bill.of(part), each(bill.of(part), users / 1000.0)),
            })
            .collect(),
        tiers: sized.tiers,
        low,
        mid,
        high,
        monthly_text: format!("{floor}{}", show(mid)),
        range_text: if at_least {
            format!("{} or more", show(low))
        } else {
            crate::report::span(&show(low), &show(high))
        },
        per_1000_users,
        per_1000_users_text: format!("{floor}{}", show(per_1000_users)),
        per_million_requests,
        per_million_requests_text: format!("{floor}{}", show(per_million_requests)),
        at_least,
        tornado: bars,
        bill,
    }
}

/// What a phase rests on: seen as a whole up to the safe rate, by the law up to twice of it, and beyond that not as a whole
/// but as instances each as measured.
fn basis(peak_per_s: f64, safe: &Safe, instances: u64) -> Basis {
    let times = peak_per_s / safe.rate_per_s;
    if times <= 1.0 {
        return Basis::Measured;
    }
    if times <= FARTHEST {
        return Basis::Extrapolated { times };
    }
    Basis::Refused {
        reason: format!(
            "{}/s is {} times what was measured as a whole, so this is {} times the measured capacity of one instance",
            show_number(peak_per_s),
            show_number(times),
            show_count(instances as i64)
        ),
    }
}

/// The tiers whose size rests on what nobody measured.
fn assumed(sized: &Sized, inputs: &[Input]) -> Vec<&'static str> {
    let rests = |part: Part| {
        let key = match part {
            Part::Api => Key::CapacityPerInstance,
            Part::Database => Key::QueriesPerVcpu,
            Part::Cache => Key::OperationsPerCacheNode,
            Part::Network | Part::Other => return false,
        };
        inputs.iter().any(|input| input.key == key && input.rests == Rests::Assumed)
    };
    sized.tiers.iter().map(|tier| tier.part).filter(|part| rests(*part)).map(Part::name).collect()
}

fn binds_next(sized: &Sized) -> String {
    sized.shared.first().map_or_else(String::new, super::size::Shared::words)
}
