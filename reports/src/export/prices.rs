use std::fmt::Write as _;

use super::table::{plain, rows};
use crate::{
    cost::{Finding, Price},
    words,
};

/// Prices for a terminal.
pub fn prices(prices: &[&Price]) -> String {
    let mut table =
        rows(["service", "sku", "how", "price", "unit", "from", "to", "vcpu", "GiB", "as of", "grade"]);
    for price in prices {
        let or_dash = |number: Option<rust_decimal::Decimal>| {
            number.map_or_else(|| "–".to_owned(), |number| number.normalize().to_string())
        };
        table.add_row([
            price.service.clone(),
            price.sku.clone(),
            price.purchase.name().to_owned(),
            format!("{} {}", price.price, price.currency),
            price.unit.clone(),
            price.tier_from.normalize().to_string(),
            or_dash(price.tier_to),
            or_dash(price.vcpu),
            or_dash(price.memory_gib),
            price.as_of.to_string(),
            format!("{:?}", price.grade),
        ]);
    }
    plain(&mut table, 3)
}

/// What a look through the prices found, a line each.
pub fn findings(found: &[Finding]) -> String {
    let errors = found.iter().filter(|it| it.error).count();
    let mut text = String::new();
    for it in found {
        let word = if it.error { "error" } else { "warning" };
        let _ = writeln!(text, "{}:{}: {word}: {}: {}", it.file, it.line, it.kind, it.message);
    }
    let warnings = (found.len() - errors) as u64;
    text + &format!(
        "{}, {}\n",
        words::counted(errors as u64, "error", "errors"),
        words::counted(warnings, "warning", "warnings")
    )
}
