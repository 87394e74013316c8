//! Text as YAML has it.

use std::fmt::Write;

/// Writes text plain where no reader of YAML can take it for anything else, else between double quotes.
pub(super) fn scalar(text: &str, flow: bool, out: &mut String) {
    if is_plain(text, flow) {
        out.push_str(text);
        return;
    }
    // Single quotes spare JSON and regular expressions their backslashes; they take everything that can be printed.
    if text.contains(['"', '\\'])
        && !text.contains('\'')
        && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
    {
        let _ = write!(out, "'{text}'");
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' ' => out.push(' '),
            c if c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric()) => out.push(c),
            c if (c as u32) < 0x100 => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c if (c as u32) < 0x1_0000 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
        }
    }
    out.push('"');
}

fn is_plain(text: &str, flow: bool) -> bool {
    const WORDS: [&str; 14] = [
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf", "infinity", "nil", "none",
    ];
    let Some(first) = text.chars().next() else { return false };
    let inside = |c: char| c.is_ascii_alphanumeric() || " _/.$%+~=?&@()<>;*,:-".contains(c);
    let braces = |c: char| !flow && "{}[]".contains(c);
    (first.is_ascii_alphanumeric() || matches!(first, '/' | '_' | '$'))
        && text.chars().all(|c| inside(c) || braces(c))
        && !(flow && text.contains(','))
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
        && !(first.is_ascii_digit() && text.chars().all(|c| "0123456789abcdefABCDEFxXoO_.+:-".contains(c)))
}
