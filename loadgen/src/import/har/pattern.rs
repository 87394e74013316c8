//! Regular expressions that find a value in a text again, by what stands before it.

use regex::Regex;

/// A regular expression whose first match in `body` has `value` as its group, by what stands before it.
pub fn pattern(body: &str, offset: usize, value: &str) -> Option<String> {
    let stop: String = "\"'<>&/?;,".chars().filter(|c| !value.contains(*c)).collect();
    let found = |before: &str| {
        let words: Vec<String> =
            before.split(|c: char| c.is_whitespace() || c.is_control()).map(regex::escape).collect();
        let text = format!(r"{}([^{}\s]+)", words.join(r"\s+"), regex::escape(&stop));
        let found = Regex::new(&text).ok()?.captures(body)?.get(1)?.as_str() == value;
        found.then_some(text)
    };
    // From the last space or tag on, if that says enough, else by ever more of what stands before it.
    let line = body[..offset].rfind(|c: char| c.is_whitespace() || c == '<').map_or(0, |at| at + 1);
    let line = if body.is_char_boundary(line) && (4..100).contains(&(offset - line)) {
        found(&body[line..offset])
    } else {
        None
    };
    line.or_else(|| {
        [16, 32, 64, 128].into_iter().find_map(|reach| {
            let from = (offset.saturating_sub(reach)..offset).find(|at| body.is_char_boundary(*at))?;
            found(&body[from..offset])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_what_it_was_made_of() {
        let body = "<a href=\"/about\">x</a> <script>var cfg = { \"nonce\": \"abc123def\" , other: 'zzz999' }</script>";
        for value in ["abc123def", "zzz999"] {
            let text = pattern(body, body.find(value).unwrap(), value).unwrap();
            let found = Regex::new(&text).unwrap().captures(body).unwrap()[1].to_owned();
            assert_eq!(found, value, "{text}");
        }
        // Two places that nothing tells apart.
        let body = format!("{0}11111111 {0}22222222", "a ".repeat(80));
        assert_eq!(pattern(&body, body.len() - 8, "22222222"), None);
    }
}
