use std::path::Path;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::rows::parse;
use crate::failure::Failure;

/// The prices that the program brings.
const BUILT_IN: (&str, &str) =
    ("reports/prices/aws-us-east-1.csv", include_str!("../../prices/aws-us-east-1.csv"));

/// How something is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purchase {
    /// By the hour, without a promise.
    OnDemand,
    /// For a year or three.
    Reserved,
    /// What is left over, taken back at two minutes' notice.
    Spot,
}

impl Purchase {
    /// As the file writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Reserved => "reserved",
            Self::Spot => "spot",
        }
    }
}

/// How far a price can be traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Grade {
    /// To the provider, or to a file that a program made of the provider's own list.
    A,
    /// To a copy of the provider's list.
    B,
    /// Not at all.
    C,
}

/// A price, of the amounts of a month from `tier_from` to `tier_to` where it goes by amount.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// Its line in the file.
    pub line: u64,
    /// Who asks it.
    pub provider: String,
    /// Where.
    pub region: String,
    /// The service, such as `ec2`.
    pub service: String,
    /// What of it, such as `m6i.large`.
    pub sku: String,
    /// Virtual processors, of a machine.
    pub vcpu: Option<Decimal>,
    /// Memory, of a machine.
    pub memory_gib: Option<Decimal>,
    /// How it is bought.
    pub purchase: Purchase,
    /// What one of it is: `hour`, `GB-month`, `GB`.
    pub unit: String,
    /// The price of one.
    pub price: Decimal,
    /// Its currency, ISO 4217.
    pub currency: String,
    /// The amount a month from which it holds.
    pub tier_from: Decimal,
    /// The amount a month to which it holds; nothing where it has no end.
    pub tier_to: Option<Decimal>,
    /// When it was right; of a month, its first day.
    pub as_of: NaiveDate,
    /// Where it is from.
    pub source: String,
    /// How far it can be traced.
    pub grade: Grade,
    /// What a reader must know of it.
    pub note: String,
}

/// A file of prices in one currency.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The file.
    pub file: String,
    /// Its prices in its order.
    pub prices: Vec<Price>,
}

impl Catalogue {
    /// The prices that the program brings.
    pub fn built_in() -> Self {
        let (file, text) = BUILT_IN;
        let (prices, wrong) = parse(text);
        debug_assert!(wrong.is_empty(), "{wrong:?}");
        Self { file: file.to_owned(), prices }
    }

    /// The prices of `path`; those that the program brings without one. Beside them what is wrong with the file, `line:
    /// message` each.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: Option<&Path>) -> Result<(Self, Vec<(u64, String)>), Failure> {
        let Some(path) = path else { return Ok((Self::built_in(), Vec::new())) };
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read the prices {}: {error}", path.display())))?;
        let (prices, wrong) = parse(&text);
        Ok((Self { file: path.display().to_string(), prices }, wrong))
    }

    /// The prices of `path`, or those that the program brings.
    ///
    /// # Errors
    /// It cannot be read; a line is no price: every such line with what would be right.
    pub fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let (catalogue, wrong) = Self::open(path)?;
        if wrong.is_empty() {
            return Ok(catalogue);
        }
        let lines: Vec<String> =
            wrong.iter().map(|(line, what)| format!("{}:{line}: {what}", catalogue.file)).collect();
        Err(Failure::usage(lines.join("\n")))
    }

    /// The prices of one thing in order of amount; none where it has no price.
    pub fn tiers(&self, service: &str, sku: &str, purchase: Purchase) -> Vec<&Price> {
        let mut found: Vec<&Price> = self
            .prices
            .iter()
            .filter(|price| price.service == service && price.sku == sku && price.purchase == purchase)
            .collect();
        found.sort_by_key(|price| price.tier_from);
        found
    }

    /// The currency of its prices.
    pub fn currency(&self) -> &str {
        self.prices.first().map_or("USD", |price| price.currency.as_str())
    }

    /// Provider and region of its prices: `aws us-east-1`.
    pub fn place(&self) -> String {
        let mut places: Vec<String> =
            self.prices.iter().map(|price| format!("{} {}", price.provider, price.region)).collect();
        places.sort();
        places.dedup();
        places.join(", ")
    }

    /// The newest date of a price.
    pub fn newest(&self) -> Option<NaiveDate> {
        self.prices.iter().map(|price| price.as_of).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_that_are_brought_are_whole_and_of_one_place() {
        let (file, text) = BUILT_IN;
        let (prices, wrong) = parse(text);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(prices.len(), 43);
        let catalogue = Catalogue { file: file.to_owned(), prices };
        assert_eq!((catalogue.place().as_str(), catalogue.currency()), ("aws us-east-1", "USD"));
        let egress = catalogue.tiers("data-transfer", "internet out", Purchase::OnDemand);
        assert_eq!(
            egress.iter().map(|it| it.price.to_string()).collect::<Vec<_>>(),
            ["0.09", "0.085", "0.07"]
        );
        assert!(catalogue.tiers("ec2", "m6i.large", Purchase::Spot).is_empty());
    }

    #[test]
    fn every_line_that_is_no_price_is_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.csv");
        let text = BUILT_IN.1.replace(",0.0416,", ",0.04l6,").replace(",2026-09-20,", ",last year,");
        std::fs::write(&path, text).unwrap();
        let failure = Catalogue::read(Some(&path)).unwrap_err();
        let lines: Vec<&str> = failure.message.lines().collect();
        assert_eq!(lines.len(), 3, "{failure}");
        assert!(lines[0].contains("prices.csv:2: price is `0.04l6`; write a decimal number"), "{failure}");
        assert!(lines[1].contains("as_of is `last year`"), "{failure}");
    }
}
