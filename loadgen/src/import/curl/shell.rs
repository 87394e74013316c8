//! Command lines as a POSIX shell (and bash's `$'…'`) splits them into words.

/// A command: the line it begins on, from 1, and its words.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// Line.
    pub line: usize,
    /// Words, quotes taken off.
    pub words: Vec<String>,
}

/// Splits a text into commands, at line ends, `;`, `&`, `|`. Variables and substitutions stay as they are written.
///
/// # Errors
/// A quote that is not closed, with its line.
pub fn commands(text: &str) -> Result<Vec<Command>, String> {
    let mut reader = Reader { rest: text.chars().peekable(), line: 1 };
    let mut commands = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut begun = 1;
    let mut word: Option<String> = None;
    loop {
        let c = reader.next();
        let ends_word = matches!(c, None | Some(' ' | '\t' | '\r' | '\n' | ';' | '&' | '|'));
        if ends_word {
            words.extend(word.take());
            if matches!(c, None | Some('\n' | ';' | '&' | '|')) && !words.is_empty() {
                commands.push(Command { line: begun, words: std::mem::take(&mut words) });
            }
        }
        let Some(c) = c else { break };
        if ends_word {
            continue;
        }
        if words.is_empty() && word.is_none() {
            begun = reader.line;
        }
        match c {
            '#' if word.is_none() => while reader.rest.next_if(|c| *c != '\n').is_some() {},
            '\\' => match reader.next() {
                // A line that goes on.
                Some('\n') | None => {}
                Some('\r') if reader.rest.peek() == Some(&'\n') => drop(reader.next()),
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' => reader.single(word.get_or_insert_default())?,
            '"' => reader.double(word.get_or_insert_default())?,
            '$' if reader.rest.peek() == Some(&'\'') => {
                reader.next();
                reader.ansi(word.get_or_insert_default())?;
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    Ok(commands)
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next();
        self.line += usize::from(c == Some('\n'));
        c
    }

    fn unclosed(&self, from: usize, quote: &str) -> String {
        format!("line {from}: {quote} is not closed; the file ends on line {}", self.line)
    }

    fn single(&mut self, word: &mut String) -> Result<(), String> {
        let from = self.line;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some(c) => word.push(c),
                None => return Err(self.unclosed(from, "a `'`")),
            }
        }
    }

    fn double(&mut self, word: &mut String) -> Result<(), String> {
        let from = self.line;
        loop {
            match self.next() {
                Some('"') => return Ok(()),
                Some('\\') => match self.next() {
                    Some('\n') => {}
                    Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                    Some(c) => word.extend(['\\', c]),
                    None => return Err(self.unclosed(from, "a `\"`")),
                },
                Some(c) => word.push(c),
                None => return Err(self.unclosed(from, "a `\"`")),
            }
        }
    }

    /// `$'…'` with the escapes of C, as browsers write bodies when they copy a request.
    fn ansi(&mut self, word: &mut String) -> Result<(), String> {
        let from = self.line;
        loop {
            match self.next() {
                Some('\'') => return Ok(()),
                Some('\\') => self.escape(word),
                Some(c) => word.push(c),
                None => return Err(self.unclosed(from, "a `$'`")),
            }
        }
    }

    fn escape(&mut self, word: &mut String) {
        match self.next() {
            Some('n') => word.push('\n'),
            Some('r') => word.push('\r'),
            Some('t') => word.push('\t'),
            Some('a') => word.push('\u{7}'),
            Some('b') => word.push('\u{8}'),
            Some('e' | 'E') => word.push('\u{1b}'),
            Some('f') => word.push('\u{c}'),
            Some('v') => word.push('\u{b}'),
            Some('x') => self.code(word, 2),
            Some('u') => self.code(word, 4),
            Some('U') => self.code(word, 8),
            Some(c @ ('\\' | '\'' | '"' | '?')) => word.push(c),
            Some(c) => word.extend(['\\', c]),
            None => {}
        }
    }

    fn code(&mut self, word: &mut String, most: usize) {
        let mut digits = String::new();
        while digits.len() < most {
            let Some(c) = self.rest.next_if(char::is_ascii_hexdigit) else { break };
            digits.push(c);
        }
        let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
        word.push(code.unwrap_or('\u{fffd}'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        commands(text).unwrap().into_iter().flat_map(|it| it.words).collect()
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(
            words(r#"curl -H 'a: "b"' "x \"y\" \n $z" $'it\'s\u0021\n' a\ b"c"'d'"#),
            ["curl", "-H", "a: \"b\"", "x \"y\" \\n $z", "it's!\n", "a bcd"]
        );
        assert_eq!(words("curl \\\n  --json '{}' \\\r\n -k # why"), ["curl", "--json", "{}", "-k"]);
        let lines: Vec<_> = commands("curl a\n\n# no\ncurl b; curl ''")
            .unwrap()
            .into_iter()
            .map(|it| (it.line, it.words.len()))
            .collect();
        assert_eq!(lines, [(1, 2), (4, 2), (4, 2)]);
    }

    #[test]
    fn a_quote_left_open_is_named_with_its_line() {
        assert_eq!(
            commands("curl a\ncurl 'b\n\n").unwrap_err(),
            "line 2: a `'` is not closed; the file ends on line 4"
        );
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "[curl -H'\"$\\\\\n;#x]{0,40}|.{0,60}") {
            let _ = commands(&text);
        }

        #[test]
        fn a_word_in_single_quotes_is_itself(text in "[^']*") {
            prop_assert_eq!(words(&format!("'{text}'")), [text]);
        }
    }
}
