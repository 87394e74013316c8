use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    rule::Rule,
    sum::{Range, Sum},
};
use crate::failure::Failure;

/// The schema name of a claims file; the number after the slash changes when a reader would misread.
pub const SCHEMA: &str = "headroom.claims-file/1";

/// The claims of one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The document's name.
    pub document: String,
    /// Its figures, in its order.
    pub claims: Vec<Claim>,
}

/// A figure that a document claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name among all claims.
    pub id: String,
    /// The line or lines it stands on.
    pub line: String,
    /// Its kind: `kpi`, `cost`, `ttl`, …
    pub category: String,
    /// What it is about.
    pub subject: String,
    /// The figure as the document has it.
    pub claim: String,
    /// Its unit.
    pub unit: String,
    /// The figure as numbers, where sums need it: from the least to the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Range>,
    /// What decides on it.
    pub rule: Rule,
    /// Sums of the document's own figures that show whether it can be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sums: Vec<Sum>,
}

/// The claims that come with the program.
const BUILT_IN: [(&str, &str); 4] = [
    ("claims/001.json", include_str!("../../claims/001.json")),
    ("claims/002.json", include_str!("../../claims/002.json")),
    ("claims/003.json", include_str!("../../claims/003.json")),
    ("claims/004.json", include_str!("../../claims/004.json")),
];

/// Reads the claims of `files`, or those that come with the program where there are none.
///
/// # Errors
/// Not to be read, another schema, a rule or a sum that is none, an id that stands twice: with file, and with line or id.
pub fn documents(files: &[impl AsRef<Path>]) -> Result<Vec<Document>, Failure> {
    let documents: Result<Vec<Document>, Failure> = if files.is_empty() {
        BUILT_IN.iter().map(|(name, text)| parse(name, text)).collect()
    } else {
        let read = files.iter().map(|file| {
            let name = file.as_ref().display().to_string();
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("cannot read the claims file {name}: {error}")))?;
            parse(&name, &text)
        });
        read.collect()
    };
    let documents = documents?;
    let mut seen = BTreeSet::new();
    let claims = || documents.iter().flat_map(|document| &document.claims);
    if let Some(twice) = claims().find(|claim| !seen.insert(claim.id.as_str())) {
        return Err(Failure::usage(format!(
            "two claims are called `{}`; give each an id of its own",
            twice.id
        )));
    }
    let figures = figures(&documents);
    for claim in claims() {
        for sum in &claim.sums {
            sum.work_out(&figures).map_err(|why| Failure::usage(format!("claim {}: {why}", claim.id)))?;
        }
    }
    Ok(documents)
}

/// The figures of all claims by id.
pub fn figures(documents: &[Document]) -> BTreeMap<String, Range> {
    let claims = documents.iter().flat_map(|document| &document.claims);
    claims.filter_map(|claim| Some((claim.id.clone(), claim.figure?))).collect()
}

fn parse(name: &str, text: &str) -> Result<Document, Failure> {
    let document: Document = serde_json::from_str(text).map_err(|error| {
        Failure::usage(format!("{name}: {error}; see reports/claims for files that are right"))
    })?;
    if document.schema != SCHEMA {
        return Err(Failure::usage(format!(
            "{name}: is of schema `{}`; this version reads `{SCHEMA}`",
            document.schema
        )));
    }
    for claim in &document.claims {
        let refuse = |what: String| Err(Failure::usage(format!("{name}: claim {}: {what}", claim.id)));
        if let Some((low, high)) = claim.figure.filter(|(low, high)| low > high) {
            return refuse(format!("its figure ends at {high}, before it begins at {low}"));
        }
        if let Rule::Percentile { quantile, .. } | Rule::ObservedPercentile { quantile, .. } = &claim.rule
            && !(*quantile > 0.0 && *quantile < 1.0)
        {
            return refuse(format!("the quantile is {quantile}; it must lie between 0 and 1, such as 0.95"));
        }
        if let Rule::Price { count: 0, .. } = &claim.rule {
            return refuse("the count is 0; write how many machines the price is of".to_owned());
        }
        if let Some(wrong) =
            claim.rule.expect().and_then(|expect| expect.figures().into_iter().find(|it| *it < 0.0))
        {
            return refuse(format!("it expects {wrong}; nothing that is measured here is below 0"));
        }
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_claims_that_come_with_the_program_are_all_126_and_whole() {
        let documents = documents(&[] as &[&Path]).unwrap();
        let claims: Vec<&Claim> = documents.iter().flat_map(|document| &document.claims).collect();
        assert_eq!((documents.len(), claims.len()), (4, 126));
        for claim in claims {
            assert!(
                !claim.line.is_empty() && !claim.subject.is_empty() && !claim.claim.is_empty(),
                "{claim:?}"
            );
            assert!(claim.rule.expect().is_some() != claim.rule.wanted().is_empty(), "{claim:?}");
        }
    }

    fn refused(change: impl Fn(&str) -> String) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims.json");
        let text = r#"{"schema":"headroom.claims-file/1","document":"d","claims":[
            {"id":"a","line":"1","category":"kpi","subject":"s","claim":"<1","unit":"ms","figure":[1,2],
             "rule":{"measure":"percentile","quantile":0.95,"of":"response","expect":{"below":1}},"sums":[{"what":"w","sum":"1 + 1"}]}]}"#;
        std::fs::write(&path, text).unwrap();
        assert_eq!(documents(&[&path]).unwrap()[0].claims.len(), 1);
        std::fs::write(&path, change(text)).unwrap();
        documents(&[&path]).unwrap_err().message
    }

    #[test]
    fn what_is_wrong_in_a_file_is_named() {
        for (from, to, says) in [
            ("claims-file/1", "claims-file/2", "this version reads `headroom.claims-file/1`"),
            ("\"percentile\"", "\"percentil\"", "unknown variant `percentil`"),
            ("0.95", "95", "claim a: the quantile is 95"),
            ("\"below\":1", "\"below\":-1", "claim a: it expects -1"),
            ("1 + 1", "1 +", "claim a: `1 +` is no sum"),
            ("[1,2]", "[2,1]", "claim a: its figure ends at 1"),
            ("\"line\"", "\"lin\"", "unknown field `lin`"),
        ] {
            let message = refused(|text| text.replace(from, to));
            assert!(message.contains(says), "{message}");
        }
        let twice = refused(|text| {
            let (head, claims) = text.split_once('[').unwrap();
            let claim = claims.trim().strip_suffix("]}").unwrap();
            format!("{head}[{claim},{claim}]}}")
        });
        assert!(twice.contains("two claims are called `a`"), "{twice}");
    }
}
