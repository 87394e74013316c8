use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{Item, Purchase, amount};

/// How machines are bought: shares 0..1 of their hours, the rest on demand.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// Share that is reserved.
    pub reserved: f64,
    /// Taken off the on-demand price for it, where the catalogue has no price; without it that share is unpriced.
    pub reserved_discount: Option<f64>,
    /// Share that may be taken back.
    pub spot: f64,
    /// Taken off the on-demand price for it, where the catalogue has no price; without it that share is unpriced.
    pub spot_discount: Option<f64>,
}

impl Shares {
    /// What is wrong with them, if anything.
    pub fn wrong(&self) -> Option<String> {
        let shares = [
            self.reserved,
            self.spot,
            self.reserved_discount.unwrap_or(0.0),
            self.spot_discount.unwrap_or(0.0),
        ];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return Some("shares and discounts are from 0 to 1".to_owned());
        }
        (self.reserved + self.spot > 1.0)
            .then(|| "the reserved and the spot share are more than the whole".to_owned())
    }
}

/// `item` as it is bought: a line for each way that has a share of it.
pub fn bought(item: Item, shares: &Shares) -> Vec<Item> {
    let share = |purchase: Purchase, share: f64, discount: Option<f64>| Item {
        name: match purchase {
            Purchase::OnDemand => item.name.clone(),
            _ => format!("{}, {}", item.name, purchase.name()),
        },
        quantity: (item.quantity * amount(share)).round_dp(6).normalize(),
        purchase,
        discount: discount.map(amount),
        ..item.clone()
    };
    let rest = 1.0 - shares.reserved - shares.spot;
    let ways = [
        share(Purchase::OnDemand, rest, None),
        share(Purchase::Reserved, shares.reserved, shares.reserved_discount),
        share(Purchase::Spot, shares.spot, shares.spot_discount),
    ];
    ways.into_iter().filter(|item| item.quantity > Decimal::ZERO).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Catalogue, Part, bill};

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn machines() -> Item {
        Item::new(Part::Api, "API", ("ec2", "m6i.large"), "hour", 1000.0)
    }

    #[test]
    fn a_discount_is_taken_off_its_share_alone() {
        let shares = Shares { reserved: 0.6, reserved_discount: Some(0.4), ..Shares::default() };
        let found = bill(bought(machines(), &shares), &Catalogue::built_in());
        // 400 h · 0.096 + 600 h · 0.096 · 0.6 = 38.40 + 34.56
        assert_eq!((found.total, found.unpriced.len()), (dec("72.96"), 0));
    }

    #[test]
    fn a_share_without_price_or_discount_makes_a_floor() {
        let shares = Shares { spot: 0.5, ..Shares::default() };
        let found = bill(bought(machines(), &shares), &Catalogue::built_in());
        assert_eq!(found.total, dec("48"));
        assert_eq!(found.unpriced, ["API, spot: no price of ec2 m6i.large (spot) in the catalogue"]);
    }

    #[test]
    fn shares_are_of_one_whole() {
        assert_eq!(Shares::default().wrong(), None);
        assert!(Shares { reserved: 0.7, spot: 0.4, ..Shares::default() }.wrong().is_some());
        assert!(Shares { reserved: 1.2, ..Shares::default() }.wrong().is_some());
    }
}
