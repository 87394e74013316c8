use std::str::FromStr;

use chrono::NaiveDate;
use csv::{ReaderBuilder, StringRecord, Trim};
use rust_decimal::Decimal;

use super::{Grade, Price, Purchase};

/// Columns that a file of prices must have; `note` may be left out.
const COLUMNS: [&str; 15] = [
    "provider",
    "region",
    "service",
    "sku",
    "vcpu",
    "memory_gib",
    "purchase",
    "unit",
    "price",
    "currency",
    "tier_from",
    "tier_to",
    "as_of",
    "source",
    "grade",
];

/// The prices of a CSV file's `text`, and what is wrong with it by line. Lines that begin with `#` are left out.
pub fn parse(text: &str) -> (Vec<Price>, Vec<(u64, String)>) {
    let (mut prices, mut wrong) = (Vec::<Price>::new(), Vec::new());
    let mut reader = ReaderBuilder::new().trim(Trim::All).comment(Some(b'#')).from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return (prices, vec![(1, error.to_string())]),
    };
    let missing: Vec<&str> =
        COLUMNS.into_iter().filter(|name| !header.iter().any(|known| known == *name)).collect();
    if !missing.is_empty() {
        let message = format!(
            "no column {}; the header must be `{},note`",
            missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            COLUMNS.join(",")
        );
        return (prices, vec![(1, message)]);
    }
    let mut row = StringRecord::new();
    loop {
        let read = reader.read_record(&mut row);
        let line = line_of(text, reader.position().byte() as usize);
        match read {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                wrong.push((line, plain(&error)));
                continue;
            }
        }
        match (Row { header: &header, row: &row, line }).price() {
            Ok(price) => match prices.first() {
                Some(first) if first.currency != price.currency => wrong.push((
                    line,
                    format!(
                        "currency is {} and was {} before; a file has one",
                        price.currency, first.currency
                    ),
                )),
                _ => prices.push(price),
            },
            Err(message) => wrong.push((line, message)),
        }
    }
    if prices.is_empty() && wrong.is_empty() {
        wrong.push((1, "holds no price".to_owned()));
    }
    (prices, wrong)
}

/// The line that ends at `byte`: the reader itself counts comments to the line after them.
fn line_of(text: &str, byte: usize) -> u64 {
    text.as_bytes()[..byte.min(text.len())].trim_ascii_end().iter().filter(|byte| **byte == b'\n').count()
        as u64
        + 1
}

/// The reader's word without the place, which stands before it.
fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} fields, not the {expected_len} of the header")
        }
        _ => error.to_string(),
    }
}

struct Row<'a> {
    header: &'a StringRecord,
    row: &'a StringRecord,
    line: u64,
}

impl Row<'_> {
    fn field(&self, name: &str) -> &str {
        let at = self.header.iter().position(|known| known == name);
        at.and_then(|at| self.row.get(at)).unwrap_or_default()
    }

    fn price(&self) -> Result<Price, String> {
        let (tier_from, tier_to) = (self.decimal("tier_from")?, self.decimal("tier_to")?);
        if let (from, Some(to)) = (tier_from.unwrap_or_default(), tier_to)
            && to <= from
        {
            return Err(format!("tier_to is {to}; it must be more than tier_from, {from}"));
        }
        Ok(Price {
            line: self.line,
            provider: self.word("provider")?,
            region: self.word("region")?,
            service: self.word("service")?,
            sku: self.word("sku")?,
            vcpu: self.decimal("vcpu")?,
            memory_gib: self.decimal("memory_gib")?,
            purchase: self.purchase()?,
            unit: self.word("unit")?,
            price: self
                .decimal("price")?
                .ok_or("price is empty; leave the line out: what has no price is said so")?,
            currency: self.currency()?,
            tier_from: tier_from.unwrap_or_default(),
            tier_to,
            as_of: self.date()?,
            source: self.word("source")?,
            grade: self.grade()?,
            note: self.field("note").to_owned(),
        })
    }

    fn word(&self, name: &str) -> Result<String, String> {
        let text = self.field(name);
        if text.is_empty() { Err(format!("{name} is empty")) } else { Ok(text.to_owned()) }
    }

    fn decimal(&self, name: &str) -> Result<Option<Decimal>, String> {
        let text = self.field(name);
        if text.is_empty() {
            return Ok(None);
        }
        let number = Decimal::from_str(text).ok().filter(|number| !number.is_sign_negative());
        number
            .map(Some)
            .ok_or_else(|| format!("{name} is `{text}`; write a decimal number from 0 up, such as 0.0416"))
    }

    fn purchase(&self) -> Result<Purchase, String> {
        let text = self.field("purchase");
        [Purchase::OnDemand, Purchase::Reserved, Purchase::Spot]
            .into_iter()
            .find(|known| known.name() == text)
            .ok_or_else(|| format!("purchase is `{text}`; write on-demand, reserved or spot"))
    }

    fn currency(&self) -> Result<String, String> {
        let text = self.field("currency");
        let right = text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase());
        if right {
            Ok(text.to_owned())
        } else {
            Err(format!("currency is `{text}`; write three capitals such as USD"))
        }
    }

    fn date(&self) -> Result<NaiveDate, String> {
        let text = self.field("as_of");
        let day = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
        NaiveDate::parse_from_str(&day, "%Y-%m-%d").map_err(|_| {
            format!("as_of is `{text}`; write a date such as 2026-07-20, or a month such as 2026-04")
        })
    }

    fn grade(&self) -> Result<Grade, String> {
        match self.field("grade") {
            "A" => Ok(Grade::A),
            "B" => Ok(Grade::B),
            "C" => Ok(Grade::C),
            text => Err(format!(
                "grade is `{text}`; write A (of the provider), B (a copy of the provider's list) or C (untraceable)"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "provider,region,service,sku,vcpu,memory_gib,purchase,unit,price,currency,tier_from,tier_to,as_of,source,grade,note\n";

    fn wrong(line: &str) -> String {
        let (_, wrong) = parse(&format!("{HEADER}{line}\n"));
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(wrong[0].0, 2);
        wrong[0].1.clone()
    }

    #[test]
    fn a_line_says_what_of_it_is_no_price() {
        let line = "aws,r,ec2,x,2,4,on-demand,hour,0.1,USD,0,,2026-04,s,A,";
        let (prices, none) = parse(&format!("{HEADER}# by hand\n{line}\n"));
        assert!(none.is_empty(), "{none:?}");
        assert_eq!(
            (prices[0].price.to_string(), prices[0].as_of.to_string(), prices[0].line),
            ("0.1".into(), "2026-04-01".into(), 3)
        );
        for (from, to, says) in [
            ("0.1,USD", "1e,USD", "price is `1e`; write a decimal number"),
            ("0.1,USD", "-1,USD", "price is `-1`"),
            ("0.1,USD", ",USD", "price is empty"),
            ("0.1,USD", "0.1,$", "currency is `$`; write three capitals"),
            ("on-demand", "rented", "purchase is `rented`; write on-demand, reserved or spot"),
            ("USD,0,,", "USD,10,10,", "tier_to is 10; it must be more than tier_from, 10"),
            ("2026-04", "2026-13", "as_of is `2026-13`; write a date"),
            (",s,A", ",s,D", "grade is `D`; write A"),
            ("ec2", "", "service is empty"),
            (",s,A,", ",s", "has 14 fields, not the 16 of the header"),
        ] {
            assert!(wrong(&line.replace(from, to)).starts_with(says), "{from} → {to}");
        }
        let two = parse(&format!("{HEADER}{line}\n{}\n", line.replace("USD", "EUR")));
        assert_eq!(two.1[0].1, "currency is EUR and was USD before; a file has one");
        assert_eq!(parse("a,b\n1,2\n").1[0].0, 1);
        assert_eq!(parse(HEADER).1[0].1, "holds no price");
    }
}
