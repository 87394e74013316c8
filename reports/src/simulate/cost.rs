use record::unit::show_count;
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    TierRow,
    plan::{Plan, PricedBy},
};
use crate::cost::{Catalogue, Grade, Item, Part, bill, to_the_cent};

/// What the instances of a day come to.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    /// The currency, ISO 4217.
    pub currency: String,
    /// A day, decimal, of the tiers that have a price; a floor where others have none.
    pub a_day: Option<Decimal>,
    /// Hours of all instances in a day.
    pub instance_hours: u64,
    /// Each tier, in their order.
    pub lines: Vec<CostLine>,
    /// The file that tiers are priced by; nothing where none is.
    pub prices: Option<String>,
    /// Why a tier has no price, or none that can be traced, a sentence each.
    pub notes: Vec<String>,
    /// In a sentence.
    pub text: String,
}

/// What the instances of one tier come to.
#[derive(Debug, Clone, Serialize)]
pub struct CostLine {
    /// The tier.
    pub tier: &'static str,
    /// What is priced: service and SKU of the catalogue; nothing where the plan says the price of an hour.
    pub of: Option<String>,
    /// A day, decimal, to the cent; nothing without a price.
    pub a_day: Option<Decimal>,
    /// The same in words.
    pub text: String,
}

/// Prices the instance-hours of a day: by the plan's own prices of an hour, or by what the catalogue asks for its SKUs.
pub fn cost(plan: &Plan, tiers: &[TierRow], catalogue: &Catalogue) -> Cost {
    let by_catalogue = plan.prices.iter().flatten().any(|by| matches!(by, PricedBy::Sku { .. }));
    // A plan's own prices are in dollars, and are not mixed with others: that was refused when the plan was read.
    let currency = if by_catalogue { catalogue.currency() } else { "USD" };
    let mut notes = Vec::new();
    let lines: Vec<CostLine> = tiers
        .iter()
        .map(|tier| {
            let hours = tier.instance_hours;
            let (of, a_day) = match &plan.prices[tier.place] {
                None => (None, None),
                Some(PricedBy::Hour(price)) => (None, price.checked_mul(Decimal::from(hours))),
                Some(PricedBy::Sku { service, sku }) => {
                    let item = Item::new(Part::Other, tier.name, (service, sku), "hour", hours as f64);
                    let found = bill(vec![item], catalogue);
                    notes.extend(found.unpriced.iter().map(|why| format!("{why}.")));
                    if found.lines.iter().any(|line| line.grade == Some(Grade::C)) {
                        notes.push(format!("The price of {service} {sku} cannot be traced to its provider."));
                    }
                    let priced = found.lines.first().filter(|_| found.unpriced.is_empty());
                    (Some(format!("{service} {sku}")), priced.and_then(|line| line.cost))
                }
            };
            // To the cent by line, so that the lines add up to the day.
            let a_day = a_day.map(crate::cost::cents);
            let text = a_day.map_or_else(|| "no price".to_owned(), |cost| to_the_cent(cost, currency));
            CostLine { tier: tier.name, of, a_day, text }
        })
        .collect();
    let a_day: Option<Decimal> = lines
        .iter()
        .filter_map(|line| line.a_day)
        .fold(None, |sum, cost| Some(sum.unwrap_or_default() + cost));
    let hours = tiers.iter().map(|tier| tier.instance_hours).sum();
    let own = plan.prices.iter().flatten().any(|by| matches!(by, PricedBy::Hour(_)));
    Cost {
        text: text(a_day, hours, &lines, currency, &sources(own, by_catalogue.then_some(catalogue))),
        currency: currency.to_owned(),
        a_day,
        instance_hours: hours,
        lines,
        prices: by_catalogue.then(|| catalogue.file.clone()),
        notes,
    }
}

fn text(a_day: Option<Decimal>, hours: u64, lines: &[CostLine], currency: &str, sources: &str) -> String {
    let hours = format!("{} instance-hours a day", show_count(hours as i64));
    let Some(a_day) = a_day else { return format!("{hours}; no tier has a price.") };
    let unpriced: Vec<&str> =
        lines.iter().filter(|line| line.a_day.is_none()).map(|line| line.tier).collect();
    let cost = to_the_cent(a_day, currency);
    if unpriced.is_empty() {
        return format!("{hours}: {cost}, by {sources}.");
    }
    format!("{hours}: at least {cost}, by {sources}; without a price: {}.", unpriced.join(", "))
}

/// Where the prices are from, in words.
fn sources(own: bool, catalogue: Option<&Catalogue>) -> String {
    let own = own.then(|| "the plan's own prices of an hour".to_owned());
    let listed =
        catalogue.map(|catalogue| format!("the prices of {} ({})", catalogue.file, catalogue.place()));
    own.into_iter().chain(listed).collect::<Vec<_>>().join(" and ")
}
