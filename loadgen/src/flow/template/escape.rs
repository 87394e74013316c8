//! Makes what is put into a text safe for its surroundings.

use std::fmt::{self, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How what is put in is made safe for its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it is.
    None,
    /// Percent-encoded, all but RFC 3986's unreserved characters.
    Url,
    /// As the inside of a JSON string.
    Json,
}

/// Writes into a text, escaping on the way.
pub struct Sink<'a> {
    /// The text.
    pub out: &'a mut String,
    /// How.
    pub escape: Escape,
}

impl Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.escape {
            Escape::None => self.out.push_str(text),
            Escape::Url => self.out.extend(utf8_percent_encode(text, RESERVED)),
            Escape::Json => escape_json(text, self.out),
        }
        Ok(())
    }
}

/// RFC 8259 §7: quote, backslash and control characters.
fn escape_json(text: &str, out: &mut String) {
    let mut clean = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "\\u00",
            _ => continue,
        };
        out.push_str(&text[clean..index]);
        out.push_str(escaped);
        if escaped == "\\u00" {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
        clean = index + 1;
    }
    out.push_str(&text[clean..]);
}
