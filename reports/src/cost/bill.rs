use rust_decimal::{
    Decimal, RoundingStrategy,
    prelude::{FromPrimitive as _, ToPrimitive as _},
};
use serde::Serialize;

use super::{Catalogue, Grade, Purchase};

/// What a line of a bill belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Instances of the service.
    Api,
    /// Databases, their storage and their backups.
    Database,
    /// Cache nodes.
    Cache,
    /// Balancer, traffic, gateways.
    Network,
    /// Queue, monitoring, logs.
    Other,
}

impl Part {
    /// Every part, in the order in which they are drawn.
    pub const ALL: [Self; 5] = [Self::Api, Self::Database, Self::Cache, Self::Network, Self::Other];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Network => "network",
            Self::Other => "other",
        }
    }
}

/// Something to pay for, each month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// What it belongs to.
    pub part: Part,
    /// What it is for.
    pub name: String,
    /// The service of the catalogue.
    pub service: String,
    /// What of it.
    pub sku: String,
    /// What one of it is; a price by another unit is none.
    pub unit: String,
    /// How many a month.
    pub quantity: Decimal,
    /// How it is bought.
    pub purchase: Purchase,
    /// Taken off the on-demand price, 0..1, where the catalogue has no price for the way it is bought.
    pub discount: Option<Decimal>,
}

impl Item {
    /// Something bought on demand.
    pub fn new(part: Part, name: &str, (service, sku): (&str, &str), unit: &str, quantity: f64) -> Self {
        Self {
            part,
            name: name.to_owned(),
            service: service.to_owned(),
            sku: sku.to_owned(),
            unit: unit.to_owned(),
            quantity: amount(quantity),
            purchase: Purchase::OnDemand,
            discount: None,
        }
    }
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What is paid for.
    #[serde(flatten)]
    pub item: Item,
    /// What it costs a month, to the cent; nothing where it has no price. Of an amount beyond the last tier it is what the
    /// rest costs.
    pub cost: Option<Decimal>,
    /// The same in words: `$9,307.50`, `at least $11,571.20`, `no price`.
    pub cost_text: String,
    /// How many a month, in words.
    pub quantity_text: String,
    /// Why it, or a part of it, has no price.
    pub unpriced: Option<String>,
    /// The worst grade of the prices used.
    pub grade: Option<Grade>,
}

/// What a month costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bill {
    /// Its lines.
    pub lines: Vec<Line>,
    /// The sum of the lines that have a price.
    pub total: Decimal,
    /// What has none, by name with the reason: with any, the total is a floor.
    pub unpriced: Vec<String>,
}

impl Bill {
    /// The sum of one part.
    pub fn of(&self, part: Part) -> Decimal {
        self.lines.iter().filter(|line| line.item.part == part).filter_map(|line| line.cost).sum()
    }
}

/// Prices `items`: quantity × price through the tiers, each line rounded to the cent (half away from zero), so that the
/// lines add up to the total.
pub fn bill(items: Vec<Item>, catalogue: &Catalogue) -> Bill {
    let lines: Vec<Line> = items.into_iter().map(|item| line(item, catalogue)).collect();
    let unpriced = lines
        .iter()
        .filter_map(|line| Some(format!("{}: {}", line.item.name, line.unpriced.as_ref()?)))
        .collect();
    Bill { total: lines.iter().filter_map(|line| line.cost).sum(), unpriced, lines }
}

fn line(item: Item, catalogue: &Catalogue) -> Line {
    let (cost, unpriced, grade) = priced(&item, catalogue);
    let cost_text = match (cost, &unpriced) {
        (Some(cost), None) => to_the_cent(cost, catalogue.currency()),
        (Some(cost), Some(_)) => format!("at least {}", to_the_cent(cost, catalogue.currency())),
        (None, _) => "no price".to_owned(),
    };
    let quantity =
        item.quantity.to_f64().map_or_else(|| item.quantity.to_string(), record::unit::show_number);
    Line { cost, cost_text, quantity_text: quantity, unpriced, grade, item }
}

/// The cost of an item, why it or a part of it has no price, and the worst grade of the prices used.
fn priced(item: &Item, catalogue: &Catalogue) -> (Option<Decimal>, Option<String>, Option<Grade>) {
    if item.quantity.is_zero() {
        return (Some(Decimal::ZERO), None, None);
    }
    let mut tiers = catalogue.tiers(&item.service, &item.sku, item.purchase);
    let mut factor = Decimal::ONE;
    if tiers.is_empty()
        && let Some(discount) = item.discount
    {
        tiers = catalogue.tiers(&item.service, &item.sku, Purchase::OnDemand);
        factor = Decimal::ONE - discount;
    }
    let other = tiers.iter().find(|price| price.unit != item.unit).map(|price| price.unit.clone());
    if tiers.is_empty() || other.is_some() {
        let thing = format!("{} {} ({})", item.service, item.sku, item.purchase.name());
        let why = match other {
            Some(unit) => format!("{thing} is priced by {unit}, not by {}", item.unit),
            None => format!("no price of {thing} in the catalogue{}", meant(item, catalogue)),
        };
        return (None, Some(why), None);
    }
    let (mut cost, mut counted) = (Decimal::ZERO, Decimal::ZERO);
    for price in &tiers {
        let to = price.tier_to.map_or(item.quantity, |to| to.min(item.quantity));
        let within = (to - price.tier_from).max(Decimal::ZERO);
        let part = within.checked_mul(price.price).and_then(|part| part.checked_mul(factor));
        let Some(sum) = part.and_then(|part| cost.checked_add(part)) else {
            let why = format!("{} {} are more than can be counted", item.quantity, item.unit);
            return (None, Some(why), None);
        };
        (cost, counted) = (sum, counted + within);
    }
    let rest = item.quantity - counted;
    let shown =
        |amount: Decimal| amount.to_f64().map_or_else(|| amount.to_string(), record::unit::show_number);
    let unpriced = (rest > Decimal::ZERO).then(|| {
        format!(
            "no price of {} {} beyond {} {unit}, for {} of {} {unit}",
            item.service,
            item.sku,
            shown(counted),
            shown(rest),
            shown(item.quantity),
            unit = item.unit
        )
    });
    let grade = tiers.iter().map(|price| price.grade).max();
    (Some(cents(cost)), unpriced, grade)
}

/// The name that was meant, where the catalogue has none like it for any way to buy it.
fn meant(item: &Item, catalogue: &Catalogue) -> String {
    let skus = || {
        catalogue.prices.iter().filter(|price| price.service == item.service).map(|price| price.sku.as_str())
    };
    if skus().any(|sku| sku == item.sku) {
        return String::new();
    }
    // Families differ by two letters: one letter off is misspelt, more is another machine.
    let like = skus().find(|sku| strsim::osa_distance(sku, &item.sku) == 1);
    like.map_or_else(String::new, |sku| format!("; did you mean `{sku}`?"))
}

/// Money to the cent, half a cent away from zero.
pub fn cents(money: Decimal) -> Decimal {
    money.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// A measured quantity as a decimal of at most six places; what is no number, or too large for one, is as large as can be.
pub fn amount(quantity: f64) -> Decimal {
    Decimal::from_f64(quantity).map_or(Decimal::MAX, |quantity| quantity.round_dp(6).normalize())
}

/// Money with its cents, as a bill has it.
pub fn to_the_cent(cost: Decimal, currency: &str) -> String {
    let whole = money(cost.trunc(), currency);
    format!("{}.{:02}", whole.trim_end_matches(".00"), (cost.fract() * Decimal::ONE_HUNDRED).trunc())
}

/// Money as people read it: `$2,448`, from a hundred on without cents, under it with them; `€` and others by their code.
pub fn money(money: Decimal, currency: &str) -> String {
    let sign = if money.is_sign_negative() && !money.is_zero() { "−" } else { "" };
    let mark = match currency {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        other => format!("{other} "),
    };
    let size = money.abs();
    let places = if size >= Decimal::ONE_HUNDRED { 0 } else { 2 };
    let text = size.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    let text = format!("{text:.*}", places as usize);
    let (whole, cents) = text
        .split_once('.')
        .map_or((text.as_str(), String::new()), |(whole, cents)| (whole, format!(".{cents}")));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), record::unit::show_count);
    format!("{sign}{mark}{whole}{cents}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::HOURS_PER_MONTH;
    use proptest::prelude::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn items() -> Vec<Item> {
        let hours = |part, name, of, count: f64| Item::new(part, name, of, "hour", count * HOURS_PER_MONTH);
        vec![
            hours(Part::Api, "API instances", ("ec2", "m6i.large"), 3.0),
            hours(Part::Database, "database", ("rds-postgres", "db.r6g.xlarge multi-az"), 1.0),
            hours(Part::Cache, "cache", ("elasticache-redis", "cache.m5.large"), 2.0),
            hours(Part::Network, "balancer", ("elb", "alb"), 1.0),
            Item::new(Part::Network, "balancer units", ("elb", "alb lcu"), "LCU-hour", 2000.0),
            Item::new(Part::Network, "traffic out", ("data-transfer", "internet out"), "GB", 12_000.0),
            hours(Part::Network, "gateway", ("vpc", "nat gateway"), 1.0),
            Item::new(Part::Database, "storage", ("rds", "gp3 storage multi-az"), "GB-month", 200.0),
            Item::new(Part::Other, "logs", ("s3", "standard"), "GB-month", 321.7),
        ]
    }

    #[test]
    fn a_known_bill_of_materials_costs_what_it_costs_by_hand() {
        // 3 · 730 h · 0.0960         =   210.24
        // 730 h · 0.899              =   656.27
        // 2 · 730 h · 0.156          =   227.76
        // 730 h · 0.0225 = 16.425    =    16.43
        // 2,000 LCU-hours · 0.008    =    16.00
        // 10,240 GB · 0.09 = 921.60, 1,760 GB · 0.085 = 149.60: 1,071.20
        // 730 h · 0.045              =    32.85
        // 200 GB-months · 0.230      =    46.00
        // 321.7 GB-months · 0.023 = 7.3991: 7.40
        // together                     2,284.15
        let found = bill(items(), &Catalogue::built_in());
        let costs: Vec<Decimal> = found.lines.iter().map(|line| line.cost.unwrap()).collect();
        assert_eq!(
            costs,
            [
                dec("210.24"),
                dec("656.27"),
                dec("227.76"),
                dec("16.43"),
                dec("16"),
                dec("1071.20"),
                dec("32.85"),
                dec("46"),
                dec("7.40")
            ]
        );
        assert_eq!((found.total, found.unpriced.len()), (dec("2284.15"), 0));
        assert_eq!(
            (found.lines[5].cost_text.as_str(), found.lines[5].quantity_text.as_str()),
            ("$1,071.20", "12,000")
        );
        assert_eq!(found.of(Part::Network), dec("1136.48"));
        assert_eq!(Part::ALL.map(|part| found.of(part)).iter().sum::<Decimal>(), found.total);
    }

    #[test]
    fn without_one_price_the_total_is_a_floor_and_the_item_is_named() {
        let mut catalogue = Catalogue::built_in();
        catalogue.prices.retain(|price| price.sku != "cache.m5.large");
        let found = bill(items(), &catalogue);
        assert_eq!(found.total, dec("2056.39")); // 2,284.15 − 227.76
        assert_eq!(
            found.unpriced,
            ["cache: no price of elasticache-redis cache.m5.large (on-demand) in the catalogue"]
        );
        assert_eq!(
            (found.lines[2].cost, found.lines[2].cost_text.as_str()),
            (None, "no price"),
            "never zero"
        );
    }

    #[test]
    fn an_amount_beyond_the_last_tier_is_a_floor() {
        let item =
            Item::new(Part::Network, "traffic out", ("data-transfer", "internet out"), "GB", 200_000.0);
        let found = bill(vec![item], &Catalogue::built_in());
        // 10,240 · 0.09 + 40,960 · 0.085 + 102,400 · 0.07
        assert_eq!(found.total, dec("11571.20"));
        assert_eq!(
            found.unpriced,
            [
                "traffic out: no price of data-transfer internet out beyond 153,600 GB, for 46,400 of 200,000 GB"
            ]
        );
    }

    #[test]
    fn a_price_by_another_unit_is_none() {
        let item = Item::new(Part::Api, "API", ("ec2", "m6i.large"), "month", 1.0);
        let found = bill(vec![item], &Catalogue::built_in());
        assert_eq!(found.unpriced, ["API: ec2 m6i.large (on-demand) is priced by hour, not by month"]);
    }

    #[test]
    fn a_misspelt_machine_is_told_what_was_meant() {
        let item = Item::new(Part::Api, "API", ("ec2", "c6i.lrge"), "hour", 1.0);
        let found = bill(vec![item], &Catalogue::built_in());
        assert_eq!(
            found.unpriced,
            ["API: no price of ec2 c6i.lrge (on-demand) in the catalogue; did you mean `c6i.large`?"]
        );
    }

    #[test]
    fn money_reads_as_people_write_it() {
        let shown = [dec("0"), dec("12.345"), dec("99.999"), dec("2448.4"), dec("1234567.5")]
            .map(|it| money(it, "USD"));
        assert_eq!(shown, ["$0.00", "$12.35", "$100.00", "$2,448", "$1,234,568"]);
        assert_eq!(
            (money(dec("-5"), "CHF"), money(dec("120"), "EUR")),
            ("−CHF 5.00".to_owned(), "€120".to_owned())
        );
    }

    proptest! {
        #[test]
        fn tiers_never_lose_or_count_twice_an_amount(gb in 0.0f64..150_000.0) {
            let item = Item::new(Part::Network, "out", ("data-transfer", "internet out"), "GB", gb);
            let found = bill(vec![item.clone()], &Catalogue::built_in());
            // Between all at the lowest and all at the highest price.
            let (low, high) = (item.quantity * dec("0.07"), item.quantity * dec("0.09"));
            prop_assert!(found.total >= low - dec("0.01") && found.total <= high + dec("0.01"));
            prop_assert!(found.unpriced.is_empty());
        }

        #[test]
        fn no_amount_makes_it_panic(quantity in proptest::num::f64::ANY) {
            let item = Item::new(Part::Network, "out", ("data-transfer", "internet out"), "GB", quantity.abs());
            bill(vec![item], &Catalogue::built_in());
        }
    }
}
