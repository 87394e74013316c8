//! What forms and pages carry in attributes: enough of HTML to find it, without a tree.

use std::borrow::Cow;

/// The values of attribute `wanted` of every element `element` whose `name` attribute is `name`, in order. Comments and
/// scripts are not told from the rest.
pub fn attributes_of<'h>(
    html: &'h str,
    element: &'h str,
    name: &'h str,
    wanted: &'h str,
) -> impl Iterator<Item = String> + 'h {
    named(html, element, wanted).filter(move |(it, _)| it == name).map(|(_, value)| value)
}

/// `name` and attribute `wanted` of every element `element` that has a name, in order.
pub fn named<'h>(
    html: &'h str,
    element: &'h str,
    wanted: &'h str,
) -> impl Iterator<Item = (String, String)> + 'h {
    tags(html, element).filter_map(move |tag| {
        let (mut name, mut value) = (None, None);
        for (key, text) in attributes(tag) {
            if key.eq_ignore_ascii_case("name") {
                name = Some(text);
            } else if key.eq_ignore_ascii_case(wanted) {
                value = value.or(Some(text));
            }
        }
        Some((unescape(name?).into_owned(), unescape(value.unwrap_or_default()).into_owned()))
    })
}

/// What stands between `<element` and `>`, of every such tag.
fn tags<'h>(html: &'h str, element: &'h str) -> impl Iterator<Item = &'h str> {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find('<')?;
            rest = &rest[at + 1..];
            let Some(after) = rest.get(..element.len()).filter(|name| name.eq_ignore_ascii_case(element))
            else {
                continue;
            };
            let inside = &rest[after.len()..];
            if !inside.starts_with(|c: char| c.is_ascii_whitespace() || c == '/') {
                continue;
            }
            let end = end_of_tag(inside)?;
            rest = &inside[end..];
            return Some(&inside[..end]);
        }
    })
}

/// Where the `>` is that ends a tag: one inside quotes does not.
fn end_of_tag(inside: &str) -> Option<usize> {
    let mut quote = None;
    inside.bytes().position(|byte| match (quote, byte) {
        (None, b'>') => true,
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (Some(open), _) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    })
}

/// The attributes of a tag: names with values as they are written, without quotes.
fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(rest.len());
        // A `=` where a name should be is a name of its own (HTML standard, §13.2.5.32).
        let end = if end == 0 { 1 } else { end };
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let Some(after) = rest.strip_prefix('=') else { return Some((name, "")) };
        let after = after.trim_start();
        let (value, behind) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inside = &after[1..];
                inside.split_once(quote).unwrap_or((inside, ""))
            }
            _ => after.split_at(after.find(|c: char| c.is_ascii_whitespace()).unwrap_or(after.len())),
        };
        rest = behind;
        Some((name, value))
    })
}

/// Text with its character references undone: numbers, and the names that attribute values need.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = rest.find(';').and_then(|end| Some((reference(&rest[1..end])?, end + 1)));
        let (character, length) = known.unwrap_or(('&', 1));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn reference(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        return Some(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        });
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inputs(html: &str) -> Vec<String> {
        attributes_of(html, "input", "csrf_token", "value").collect()
    }

    #[test]
    fn an_input_is_found_however_it_is_written() {
        for html in [
            r#"<form><input type="hidden" name="csrf_token" value="a/b+c=="></form>"#,
            r#"<INPUT VALUE='a/b+c==' NAME='csrf_token'/>"#,
            "<input\n  name=csrf_token\n  value=a/b+c==\n>",
            r#"<input name = "csrf_token" data-x="a > b" value = "a/b+c==" disabled>"#,
            r#"<input name="other" value="no"><input name="csrf_token" value="a/b+c==">"#,
            r#"<inputs name="csrf_token" value="no"><p>1 < 2</p><input name="csrf_token" value="a/b&#43;c&#x3D;=">"#,
        ] {
            assert_eq!(inputs(html), ["a/b+c=="], "{html}");
        }
    }

    #[test]
    fn an_input_without_a_value_is_empty_and_another_is_none() {
        assert_eq!(inputs(r#"<input name="csrf_token">"#), [""]);
        assert!(
            inputs(r#"<input name="csrf" value="x"> <input name="csrf_token" value="cut off"#).is_empty()
        );
    }

    #[test]
    fn character_references_are_undone_and_a_lone_ampersand_stays() {
        assert_eq!(unescape("a&amp;b &quot;c&quot; &lt;&gt;&apos; &#252;"), "a&b \"c\" <>' ü");
        assert_eq!(unescape("x&y; &; & &#xZZ;"), "x&y; &; & &#xZZ;");
    }

    #[test]
    fn a_meta_element_tells_its_content() {
        let html = r#"<head><meta charset="utf-8"><meta name="csrf-token" content="t0k"></head>"#;
        assert_eq!(attributes_of(html, "meta", "csrf-token", "content").collect::<Vec<_>>(), ["t0k"]);
    }

    proptest! {
        #[test]
        fn no_page_makes_it_panic_or_hang(html in "(<input|name=|value=|[<>=\"'/& ;#x]|csrf_token|ü|\n){0,60}") {
            let _ = inputs(&html);
        }

        #[test]
        fn a_value_is_found_as_it_was_written(value in "[a-zA-Z0-9+/=_. -]{0,40}") {
            prop_assert_eq!(inputs(&format!("<p><input value=\"{value}\" name=csrf_token>")), [value]);
        }
    }
}
