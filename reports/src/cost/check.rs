use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{Catalogue, Grade, Price};

/// Days after which a price is stale.
pub const STALE_DAYS: i64 = 180;

/// What is to be said of a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The line.
    pub line: u64,
    /// Whether a bill made with it would be wrong; otherwise it is to be known.
    pub error: bool,
    /// `unreadable`, `duplicate`, `overlap`, `gap`, `stale` or `untraceable`.
    pub kind: &'static str,
    /// What it is, in a sentence.
    pub message: String,
}

/// Days from a price to `on`, where they are more than [`STALE_DAYS`].
pub fn stale(price: &Price, on: NaiveDate) -> Option<i64> {
    Some((on - price.as_of).num_days()).filter(|days| *days > STALE_DAYS)
}

/// Looks through a catalogue on the day `on`: prices given twice, tiers that overlap or leave a gap or do not begin at 0,
/// prices that are stale, and such as nobody can trace; `wrong` are the lines that could not be read.
pub fn check(catalogue: &Catalogue, wrong: &[(u64, String)], on: NaiveDate) -> Vec<Finding> {
    let finding =
        |line, error, kind, message| Finding { file: catalogue.file.clone(), line, error, kind, message };
    let mut found: Vec<Finding> =
        wrong.iter().map(|(line, what)| finding(*line, true, "unreadable", what.clone())).collect();
    let mut things = BTreeMap::<_, Vec<&Price>>::new();
    for price in &catalogue.prices {
        let key = (&price.provider, &price.region, &price.service, &price.sku, price.purchase);
        things.entry(key).or_default().push(price);
    }
    for (_, mut tiers) in things {
        tiers.sort_by_key(|price| (price.tier_from, price.line));
        let first = tiers[0];
        if first.tier_from > Decimal::ZERO {
            let message =
                format!("{} has no price for its first {} {}", name(first), first.tier_from, first.unit);
            found.push(finding(first.line, true, "gap", message));
        }
        for pair in tiers.windows(2) {
            found.extend(
                between(pair[0], pair[1]).map(|(kind, message)| finding(pair[1].line, true, kind, message)),
            );
        }
    }
    for price in &catalogue.prices {
        if let Some(days) = stale(price, on) {
            let message =
                format!("{} is of {}, {days} days before {on}; look it up again", name(price), price.as_of);
            found.push(finding(price.line, false, "stale", message));
        }
        if price.grade == Grade::C {
            let message = format!("{} cannot be traced to its provider: {}", name(price), price.source);
            found.push(finding(price.line, false, "untraceable", message));
        }
    }
    found.sort_by_key(|it| (!it.error, it.line));
    found
}

fn name(price: &Price) -> String {
    format!("{} {} ({})", price.service, price.sku, price.purchase.name())
}

fn between(before: &Price, after: &Price) -> Option<(&'static str, String)> {
    let name = name(after);
    if before.unit != after.unit {
        return Some((
            "duplicate",
            format!("{name} is priced by {} and, on line {}, by {}", after.unit, before.line, before.unit),
        ));
    }
    if before.tier_from == after.tier_from {
        return Some((
            "duplicate",
            format!("{name} from {} on has a price on line {} already", after.tier_from, before.line),
        ));
    }
    match before.tier_to {
        Some(to) if to < after.tier_from => {
            Some(("gap", format!("{name} has no price from {to} to {} {}", after.tier_from, after.unit)))
        }
        Some(to) if to == after.tier_from => None,
        _ => Some((
            "overlap",
            format!("{name} from {} on lies within the tier of line {}", after.tier_from, before.line),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::rows::parse;

    const HEADER: &str = "provider,region,service,sku,vcpu,memory_gib,purchase,unit,price,currency,tier_from,tier_to,as_of,source,grade,note\n";

    fn kinds(rows: &str, on: (i32, u32, u32)) -> Vec<(u64, &'static str, bool)> {
        let (prices, wrong) = parse(&format!("{HEADER}{rows}"));
        let catalogue = Catalogue { file: "p.csv".into(), prices };
        let on = NaiveDate::from_ymd_opt(on.0, on.1, on.2).unwrap();
        check(&catalogue, &wrong, on).into_iter().map(|it| (it.line, it.kind, it.error)).collect()
    }

    fn row(sku: &str, tier: &str, grade: &str) -> String {
        format!("aws,r,s,{sku},,,on-demand,GB,0.1,USD,{tier},2026-01-01,src,{grade},\n")
    }

    #[test]
    fn tiers_must_follow_on_each_other_from_zero() {
        let day = (2026, 1, 2);
        assert!(kinds(&(row("x", "0,10", "A") + &row("x", "10,", "A")), day).is_empty());
        assert_eq!(kinds(&(row("x", "0,10", "A") + &row("x", "12,", "A")), day), [(3, "gap", true)]);
        assert_eq!(kinds(&(row("x", "0,", "A") + &row("x", "10,", "A")), day), [(3, "overlap", true)]);
        assert_eq!(kinds(&(row("x", "0,", "A") + &row("x", "0,", "A")), day), [(3, "duplicate", true)]);
        assert_eq!(kinds(&row("x", "5,", "A"), day), [(2, "gap", true)]);
        assert_eq!(
            kinds(&(row("x", "0,", "Z") + &row("y", "0,", "C")), day),
            [(2, "unreadable", true), (3, "untraceable", false)]
        );
    }

    #[test]
    fn a_price_is_stale_after_a_hundred_and_eighty_days() {
        assert!(kinds(&row("x", "0,", "A"), (2026, 6, 30)).is_empty()); // the 180th
        assert_eq!(kinds(&row("x", "0,", "A"), (2026, 7, 1)), [(2, "stale", false)]);
    }

    #[test]
    fn the_prices_that_are_brought_have_no_error_and_name_their_age() {
        let catalogue = Catalogue::built_in();
        let found = check(&catalogue, &[], catalogue.newest().unwrap());
        assert!(found.iter().all(|it| !it.error), "{found:?}");
        assert!(found.iter().any(|it| it.kind == "stale") && found.iter().any(|it| it.kind == "untraceable"));
    }
}
