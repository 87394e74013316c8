use csv::{ReaderBuilder, Trim};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::cost::{Catalogue, HOURS_PER_MONTH, Item, Part, bill, money};

/// The monthly tables of the documents that this project set out from.
const TABLES: &str = include_str!("../../prices/documents.csv");

#[derive(Debug, Deserialize)]
struct Row {
    document: String,
    line: u64,
    phase: String,
    users: u64,
    item: String,
    low: Decimal,
    high: Decimal,
    kind: String,
    service: String,
    sku: String,
    count: Option<u64>,
}

/// A monthly table as a document gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The document.
    pub document: String,
    /// What it calls the phase.
    pub phase: String,
    /// The users it is held against here.
    pub users: u64,
    /// Its lines.
    pub lines: Vec<DocumentLine>,
    /// The total it gives.
    pub total: Decimal,
    /// The same in words.
    pub total_text: String,
    /// What its own lines add up to, in words.
    pub sum_text: String,
    /// Whether its total is what its lines add up to, or lies between.
    pub adds_up: bool,
    /// What this plan says of as many users, in words; empty without such a phase.
    pub planned_text: String,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentLine {
    /// Document and line: `004:392`.
    pub place: String,
    /// What it is for.
    pub item: String,
    /// What it says, in words.
    pub said_text: String,
    /// What the thing it names costs by the catalogue, in words; empty where it names none, or there is no price.
    pub priced_text: String,
}

/// The documents' tables; `planned` puts into words what this plan says of a number of users.
pub fn documents(catalogue: &Catalogue, planned: impl Fn(u64) -> Option<String>) -> Vec<Document> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(TABLES.as_bytes());
    let rows: Vec<Row> = reader.deserialize().filter_map(Result::ok).collect();
    let tables = rows.chunk_by(|a, b| a.document == b.document && a.phase == b.phase);
    tables.filter_map(|table| document(table, catalogue, &planned)).collect()
}

fn document(
    table: &[Row],
    catalogue: &Catalogue,
    planned: &impl Fn(u64) -> Option<String>,
) -> Option<Document> {
    let total = table.iter().find(|row| row.kind == "total")?;
    let items = || table.iter().filter(|row| row.kind != "total");
    let (low, high): (Decimal, Decimal) =
        (items().map(|row| row.low).sum(), items().map(|row| row.high).sum());
    let said = |low: Decimal, high: Decimal| {
        let (from, to) = (money(low, "USD"), money(high, "USD"));
        let plain = |text: String| text.trim_end_matches(".00").to_owned();
        if low == high { plain(from) } else { format!("{}–{}", plain(from), plain(to)) }
    };
    Some(Document {
        document: total.document.clone(),
        phase: total.phase.clone(),
        users: total.users,
        lines: items()
            .map(|row| DocumentLine {
                place: format!("{}:{}", row.document, row.line),
                item: row.item.clone(),
                said_text: said(row.low, row.high),
                priced_text: priced(row, catalogue),
            })
            .collect(),
        total: total.low,
        total_text: said(total.low, total.high),
        sum_text: said(low, high),
        adds_up: low == high && total.low == low,
        planned_text: planned(total.users).unwrap_or_default(),
    })
}

fn priced(row: &Row, catalogue: &Catalogue) -> String {
    let Some(count) = row.count else { return String::new() };
    let hours = count as f64 * HOURS_PER_MONTH;
    let item = Item::new(Part::Other, &row.item, (&row.service, &row.sku), "hour", hours);
    let found = bill(vec![item], catalogue);
    if found.unpriced.is_empty() { money(found.total, catalogue.currency()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_there_with_its_sum_and_what_its_machines_cost() {
        let found = documents(&Catalogue::built_in(), |users| (users == 1000).then(|| "$1".to_owned()));
        assert_eq!(found.len(), 7);
        assert_eq!(found.iter().map(|it| it.lines.len()).sum::<usize>(), 2 + 5 + 6 + 2 + 5 + 5 + 7);
        let wrong: Vec<&str> = found.iter().filter(|it| !it.adds_up).map(|it| it.phase.as_str()).collect();
        assert_eq!(wrong, ["up to 1K"], "its lines are 35 to 80");
        assert_eq!((found[0].sum_text.as_str(), found[0].planned_text.as_str()), ("$35–$80", "$1"));
        let last = &found[6].lines;
        // 3 · 730 h · 0.0416 and 730 h · 0.156.
        assert_eq!((last[0].priced_text.as_str(), last[2].priced_text.as_str()), ("$91.10", "$114"));
        assert_eq!(last[1].priced_text, "");
    }
}
