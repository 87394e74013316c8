//! Single requests as text: samples of each kind of failure for the record, or every request for the debugging view.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::Mutex,
    time::{Duration, Instant},
};

use http::HeaderMap;
use record::ErrorSample;

use crate::{
    mask,
    transport::{Exchange, Failure},
};

/// Failures of one kind that are kept as text.
const PER_KIND: usize = record::ERRORS_PER_KIND;
/// Bytes of a body that are kept as text.
const BODY: usize = 2_000;
/// Bytes of a body that is no JSON in which secrets are looked for: enough for all that is kept.
const LOOKED_AT: usize = 8_000;

/// Whoever is told of single requests.
type Viewer = Box<dyn Fn(&str, &str, Option<&Exchange>, Option<&Failure>, Duration) + Send + Sync>;

/// Whoever is told what blocks of steps do.
type BlockViewer = Box<dyn Fn(&str) + Send + Sync>;

/// Who looks at single requests.
#[derive(Default)]
pub struct Witness {
    viewer: Option<Viewer>,
    /// Whoever is told what blocks of steps do.
    blocks: Option<BlockViewer>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    start: Option<Instant>,
    counts: BTreeMap<String, usize>,
    waiting: Vec<ErrorSample>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").finish_non_exhaustive()
    }
}

impl Witness {
    /// A witness that shows every request to `viewer`.
    pub fn of_all(viewer: Viewer) -> Self {
        Self { viewer: Some(viewer), ..Self::default() }
    }

    /// It also tells `blocks` what the blocks around requests do.
    pub fn and_blocks(self, blocks: BlockViewer) -> Self {
        Self { blocks: Some(blocks), ..self }
    }

    /// Tells what a block of steps does.
    pub fn tell_block(&self, what: impl FnOnce() -> String) {
        if let Some(blocks) = &self.blocks {
            blocks(&what());
        }
    }

    /// From now on samples are of a record whose second 0 is `start`.
    pub fn start(&self, start: Instant) {
        let mut kept = self.kept.lock().expect("no panic under this lock");
        *kept = Kept { start: Some(start), ..Kept::default() };
    }

    /// Whether a request that ended so is worth describing.
    pub fn wants(&self, failure: Option<&Failure>) -> bool {
        let Some(failure) = failure else { return self.viewer.is_some() };
        let kept = self.kept.lock().expect("no panic under this lock");
        self.viewer.is_some() || kept.counts.get(failure.kind.as_ref()).is_none_or(|count| *count < PER_KIND)
    }

    /// Tells of one request.
    pub fn tell(
        &self,
        request: &str,
        sent: &str,
        seen: Option<&Exchange>,
        failure: Option<&Failure>,
        response: Duration,
    ) {
        if let Some(viewer) = &self.viewer {
            viewer(request, sent, seen, failure, response);
        }
        let Some(failure) = failure else { return };
        let mut kept = self.kept.lock().expect("no panic under this lock");
        *kept.counts.entry(failure.kind.to_string()).or_default() += 1;
        let second = kept.start.map_or(0, |start| start.elapsed().as_secs());
        kept.waiting.push(ErrorSample {
            second,
            request: request.to_owned(),
            kind: failure.kind.to_string(),
            detail: failure.detail.clone(),
            sent: sent.to_owned(),
            received: seen.map(describe).unwrap_or_default(),
            response_us: response.as_micros().min(u128::from(u64::MAX)) as u64,
        });
    }

    /// The samples since the last call.
    pub fn take(&self) -> Vec<ErrorSample> {
        std::mem::take(&mut self.kept.lock().expect("no panic under this lock").waiting)
    }
}

/// An answer as text, with what is secret in it masked.
pub fn describe(exchange: &Exchange) -> String {
    let mut text = format!("{:?} {}\n", exchange.head.version, exchange.head.status);
    push_headers(&mut text, &exchange.head.headers);
    push_body(&mut text, &exchange.body);
    text
}

/// Appends headers, a line each; those that carry secrets are masked.
pub fn push_headers(text: &mut String, headers: &HeaderMap) {
    for (name, value) in headers {
        let secret = mask::is_secret_header(name.as_str());
        let shown = if secret { mask::MASK.to_owned() } else { value.as_bytes().escape_ascii().to_string() };
        let _ = writeln!(text, "{name}: {shown}");
    }
}

/// Appends the beginning of a body, after an empty line; what is named like a secret is masked.
pub fn push_body(text: &mut String, body: &[u8]) {
    if body.is_empty() {
        return;
    }
    let shown = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(mut json) => {
            mask::json(&mut json);
            json.to_string()
        }
        Err(_) => mask::text(&String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)])).into_owned(),
    };
    let end = shown.char_indices().map(|(at, _)| at).find(|at| *at >= BODY).unwrap_or(shown.len());
    let rest = if end < shown.len() { format!("… ({} bytes in all)", body.len()) } else { String::new() };
    let _ = writeln!(text, "\n{}{rest}", &shown[..end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_never_reach_the_text() {
        let mut text = String::new();
        let headers = [("authorization", "Bearer abc"), ("cookie", "sid=abc"), ("accept", "all")];
        push_headers(
            &mut text,
            &headers.map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).into_iter().collect(),
        );
        push_body(&mut text, br#"{"email":"a@b","password":"abc","nested":[{"access_token":"abc"}]}"#);
        assert!(!text.contains("abc") && text.contains("accept: all") && text.contains("a@b"), "{text}");
    }

    #[test]
    fn a_form_keeps_its_password_to_itself() {
        let mut text = String::new();
        push_body(&mut text, b"email=a%40b&password=abc&next=%2F");
        assert_eq!(text, "\nemail=a%40b&password=\u{2022}\u{2022}\u{2022}&next=%2F\n");
    }

    #[test]
    fn a_long_body_is_cut_between_characters() {
        let mut text = String::new();
        push_body(&mut text, "ä".repeat(5_000).as_bytes());
        assert!(text.len() < 2_100 && text.contains("10000 bytes"));
    }

    #[test]
    fn only_the_first_of_each_kind_are_kept() {
        let witness = Witness::default();
        let failure = Failure::new("timeout", "late");
        let mut kept = 0;
        while witness.wants(Some(&failure)) {
            witness.tell("one", "GET /", None, Some(&failure), Duration::ZERO);
            kept += 1;
        }
        assert_eq!((kept, witness.take().len(), witness.take().len()), (PER_KIND, PER_KIND, 0));
        assert!(witness.wants(Some(&Failure::new("reset", ""))) && !witness.wants(None));
    }
}
