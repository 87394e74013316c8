use chrono::NaiveDate;
use record::unit::show_count;
use rust_decimal::{Decimal, prelude::ToPrimitive as _};

use super::{Measured, rule::Rule};
use crate::{
    cost::{Catalogue, Grade, HOURS_PER_MONTH, Item, Part, Price, Purchase, bill},
    report::{Interval, interval_words},
    words,
};

/// What `catalogue` says of the figure that `rule` is about; nothing where the rule is about no price, or there is none.
pub fn price(rule: &Rule, catalogue: &Catalogue) -> Option<Measured> {
    match rule {
        Rule::Price { service, sku, count, .. } => month(rule, (service, sku), *count, catalogue),
        Rule::ReservedSaving { .. } => saving(rule, catalogue),
        _ => None,
    }
}

/// Whether a rule is decided by prices.
pub const fn is_by_price(rule: &Rule) -> bool {
    matches!(rule, Rule::Price { .. } | Rule::ReservedSaving { .. })
}

/// What `count` machines cost that run all month.
fn month(rule: &Rule, (service, sku): (&str, &str), count: u64, catalogue: &Catalogue) -> Option<Measured> {
    // Documents and rules speak of dollars; no rate of exchange is known here.
    if catalogue.currency() != "USD" {
        return None;
    }
    let hours = count as f64 * HOURS_PER_MONTH;
    let found = bill(vec![Item::new(Part::Other, sku, (service, sku), "hour", hours)], catalogue);
    let line = found.lines.into_iter().next().filter(|line| line.unpriced.is_none())?;
    let value = line.cost?.to_f64()?;
    let used = catalogue.tiers(service, sku, Purchase::OnDemand);
    Some(Measured {
        sources: Vec::new(),
        value: Some(value),
        interval: Interval { low: Some(value), high: Some(value) },
        text: format!("{} a month", line.cost_text),
        n: hours as u64,
        n_text: format!("{} × {HOURS_PER_MONTH} hours of {service} {sku}", show_count(count as i64)),
        at: of(&used, catalogue)?,
        holds: holds(rule, Interval { low: Some(value), high: Some(value) }, &used),
    })
}

/// How much less the catalogue's machines cost reserved than on demand: the least and the most of them, per cent.
fn saving(rule: &Rule, catalogue: &Catalogue) -> Option<Measured> {
    let mut used: Vec<&Price> = Vec::new();
    let mut savings: Vec<f64> = Vec::new();
    for reserved in catalogue.prices.iter().filter(|price| price.purchase == Purchase::Reserved) {
        let same = |price: &&&Price| price.unit == reserved.unit && price.tier_from == reserved.tier_from;
        let on_demand = catalogue.tiers(&reserved.service, &reserved.sku, Purchase::OnDemand);
        let Some(on_demand) = on_demand.iter().find(same).filter(|price| price.price > Decimal::ZERO) else {
            continue;
        };
        let spared = (Decimal::ONE - reserved.price / on_demand.price) * Decimal::ONE_HUNDRED;
        savings.extend(spared.to_f64());
        used.extend([reserved, *on_demand]);
    }
    let low = savings.iter().copied().min_by(f64::total_cmp)?;
    let high = savings.iter().copied().max_by(f64::total_cmp)?;
    let interval = Interval { low: Some(low), high: Some(high) };
    Some(Measured {
        sources: Vec::new(),
        value: (low == high).then_some(low),
        interval,
        text: interval_words(interval, |value| format!("{} %", record::unit::show_number(value))),
        n: savings.len() as u64,
        n_text: words::counted(savings.len() as u64, "machine", "machines"),
        at: of(&used, catalogue)?,
        holds: holds(rule, interval, &used),
    })
}

/// Where prices are from: `the prices of aws us-east-1, the oldest of 20 July 2026`.
fn of(used: &[&Price], catalogue: &Catalogue) -> Option<String> {
    let oldest: NaiveDate = used.iter().map(|price| price.as_of).min()?;
    Some(format!("the prices of {}, the oldest of {}", catalogue.place(), oldest.format("%-d %B %Y")))
}

/// A price that nobody can trace decides nothing.
fn holds(rule: &Rule, interval: Interval, used: &[&Price]) -> Option<bool> {
    let traced = used.iter().all(|price| price.grade != Grade::C);
    rule.expect().filter(|_| traced)?.holds(interval)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::claims::{Claims, Verdict, claims};

    const PRICES: &str = include_str!("../../prices/aws-us-east-1.csv");

    /// The claims by the built-in prices, changed.
    fn by(change: impl Fn(&str) -> String) -> Claims {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.csv");
        std::fs::write(&path, change(PRICES)).unwrap();
        claims(&[], &[] as &[&Path], &Catalogue::read(Some(&path)).unwrap()).unwrap()
    }

    fn told<'a>(found: &'a Claims, id: &str) -> (Verdict, &'a str) {
        let claim = found.claims.iter().find(|claim| claim.id == id).unwrap();
        (claim.verdict, claim.why.as_str())
    }

    #[test]
    fn a_machine_of_a_document_costs_what_the_catalogue_given_says() {
        // 3 · 730 h · 0.0416 = 91.104, within a tenth of 100; 730 h · 0.156 = 113.88, not of 150.
        let found = by(str::to_owned);
        assert_eq!(
            told(&found, "004-392-113"),
            (
                Verdict::Supported,
                "$91.10 a month of 3 × 730 hours of ec2 t3.medium at the prices of aws us-east-1, the oldest of 20 July 2026."
            )
        );
        let (verdict, why) = told(&found, "004-394-115");
        assert!(
            verdict == Verdict::Contradicted && why.starts_with("$113.88 a month of 1 × 730 hours"),
            "{why}"
        );
        // Dearer machines by a catalogue of one's own turn both.
        let found = by(|text| text.replace(",0.0416,", ",0.0832,").replace(",0.156,", ",0.2,"));
        assert_eq!(told(&found, "004-392-113").0, Verdict::Contradicted);
        assert_eq!(told(&found, "004-394-115").0, Verdict::Supported);
    }

    #[test]
    fn what_has_no_price_or_one_that_nobody_can_trace_or_another_currency_is_left_open() {
        let found = by(|text| text.replace(",t3.medium,", ",t3.huge,"));
        let (verdict, why) = told(&found, "004-392-113");
        assert_eq!(verdict, Verdict::Inconclusive);
        assert_eq!(
            why,
            "not in the prices given; it takes a catalogue in USD with a price of `ec2 t3.medium`."
        );
        let found = by(|text| {
            let untraced = |line: &str| {
                if line.contains(",cache.m5.large,") { line.replace(",A,", ",C,") } else { line.to_owned() }
            };
            text.lines().map(|line| untraced(line) + "\n").collect()
        });
        let (verdict, why) = told(&found, "004-394-115");
        assert!(verdict == Verdict::Inconclusive && why.ends_with("a price that nobody can trace."), "{why}");
        let found = by(|text| text.replace(",USD,", ",EUR,"));
        assert_eq!(told(&found, "004-392-113").0, Verdict::Inconclusive);
    }

    #[test]
    fn what_reserving_saves_is_the_span_over_the_machines_with_both_prices() {
        assert!(
            told(&by(str::to_owned), "002-545-060")
                .1
                .contains("reserved and on-demand prices of the same machine")
        );
        let found = by(|text| {
            // 0.0208 is half of 0.0416, and 0.0576 three fifths of 0.0960.
            let reserved = |sku: &str, price: &str| {
                format!(
                    "aws,us-east-1,ec2,{sku},2,4,reserved,hour,{price},USD,0,,2026-07-20,a list,A,three years\n"
                )
            };
            text.to_owned() + &reserved("t3.medium", "0.0208") + &reserved("m6i.large", "0.0576")
        });
        // 40 to 50 per cent: within 40 to 60 of the one document, and 30 to 50 of the other.
        let (verdict, why) = told(&found, "002-545-060");
        assert_eq!(verdict, Verdict::Supported, "{why}");
        assert!(why.starts_with("40–50 % of 2 machines at the prices of"), "{why}");
        assert_eq!(told(&found, "003-314-084").0, Verdict::Supported);
    }
}
