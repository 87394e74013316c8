//! Conditions: `id`, `not id`, `count > 3`, `state == 'done' and n < 5`.

use super::{
    Check,
    names::{Miss, Scope},
};
use crate::{
    flow::{
        condition::{Condition, Relation, Test},
        template::Value,
    },
    plan::{de::At, problem::nearest},
};

/// Conditions joined and nested by `not` beyond this are a slip of the pen.
const LONGEST: usize = 1000;

/// A piece of a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'t> {
    /// A name, a number or a generator.
    Word(&'t str),
    /// Text in quotes.
    Quoted(&'t str),
    /// A comparison.
    Relation(Relation),
    And,
    Or,
    Not,
}

/// What is wrong with a condition: the words meant, and why.
struct Wrong {
    part: String,
    message: String,
}

/// What is left to read of a condition.
struct Reader<'c, 's, 't> {
    check: &'c Check<'c>,
    scope: &'s Scope,
    tokens: &'t [Token<'t>],
}

impl Check<'_> {
    /// Reads a condition; what a step before could not have set is reported.
    pub fn condition(&mut self, text: &At<String>, scope: &Scope) -> Option<Condition> {
        let read = tokens(text).and_then(|tokens| {
            let mut reader = Reader { check: self, scope, tokens: &tokens };
            let test = reader.any()?;
            match reader.tokens.first() {
                None => Ok(Condition { text: text.trim().to_owned(), test }),
                Some(token) => Err(unexpected(Some(*token))),
            }
        });
        read.map_err(|wrong| {
            let span = self.files.narrow(text.span, &wrong.part);
            self.problem(span, wrong.message);
        })
        .ok()
    }
}

impl<'t> Reader<'_, '_, 't> {
    fn next(&mut self) -> Option<Token<'t>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(*first)
    }

    fn skip(&mut self, token: Token<'_>) -> bool {
        let there = self.tokens.first() == Some(&token);
        if there {
            self.tokens = &self.tokens[1..];
        }
        there
    }

    fn any(&mut self) -> Result<Test, Wrong> {
        let mut all = vec![self.all()?];
        while self.skip(Token::Or) {
            all.push(self.all()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Test::Any(all) })
    }

    fn all(&mut self) -> Result<Test, Wrong> {
        let mut all = vec![self.one()?];
        while self.skip(Token::And) {
            all.push(self.one()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Test::All(all) })
    }

    fn one(&mut self) -> Result<Test, Wrong> {
        if self.skip(Token::Not) {
            return Ok(Test::Not(Box::new(self.one()?)));
        }
        let left = self.next();
        let Some(Token::Relation(relation)) = self.tokens.first().copied() else {
            return match left {
                Some(Token::Word(word)) if !is_number(word) => Ok(Test::Is(self.named(word, false)?)),
                Some(Token::Word(text) | Token::Quoted(text)) => Err(Wrong {
                    part: text.to_owned(),
                    message: format!("`{text}` is always the same; compare it with something: `count > 3`"),
                }),
                other => Err(unexpected(other)),
            };
        };
        self.next();
        let left = self.operand(left)?;
        let right = self.next();
        Ok(Test::Compare(left, relation, self.operand(right)?))
    }

    fn operand(&self, token: Option<Token<'_>>) -> Result<Value, Wrong> {
        match token {
            Some(Token::Quoted(text)) => Ok(Value::Constant { text: text.to_owned(), number: false }),
            Some(Token::Word(word)) if is_number(word) => {
                Ok(Value::Constant { text: word.to_owned(), number: true })
            }
            Some(Token::Word(word)) => self.named(word, true),
            other => Err(unexpected(other)),
        }
    }

    fn named(&self, word: &str, compared: bool) -> Result<Value, Wrong> {
        let wrong = |message: String| Wrong { part: word.to_owned(), message };
        if word.contains("${") {
            let bare = word.trim_start_matches("${").trim_end_matches('}');
            return Err(wrong(format!("a condition takes the bare name of a variable; write `{bare}`")));
        }
        self.check.resolve(self.scope, word).map_err(|miss| match miss {
            Miss::Wrong(_) if !word.contains(['.', '(']) => {
                let saved: Vec<&str> = self.check.saved.keys().map(String::as_str).collect();
                let hint = match nearest(word, &saved) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None if compared => format!("; text stands in quotes: `'{word}'`"),
                    None => "; a condition is about variables that a step before saves".to_owned(),
                };
                wrong(format!("no step saves a variable `{word}`{hint}"))
            }
            miss => wrong(miss.message()),
        })
    }
}

fn unexpected(token: Option<Token<'_>>) -> Wrong {
    let right = "write such as `id`, `not id`, `count > 3` or `state == 'done' and count > 3`";
    let (part, what) = match token {
        None => (String::new(), "the condition ends too early".to_owned()),
        Some(Token::Word(text)) => (text.to_owned(), format!("`{text}` is one too many")),
        Some(Token::Quoted(text)) => (text.to_owned(), format!("`{text}` is one too many")),
        Some(Token::Relation(_)) => (String::new(), "a comparison stands in the wrong place".to_owned()),
        Some(Token::And) => ("and".to_owned(), "`and` joins two conditions".to_owned()),
        Some(Token::Or) => ("or".to_owned(), "`or` joins two conditions".to_owned()),
        Some(Token::Not) => ("not".to_owned(), "`not` stands before a condition".to_owned()),
    };
    Wrong { part, message: format!("{what}; {right}") }
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'))
        && word.parse::<f64>().is_ok()
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, Wrong> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let wrong = |message: String| Wrong { part: rest.to_owned(), message };
        if tokens.len() == LONGEST {
            return Err(wrong(format!("a condition of more than {LONGEST} words; keep it short")));
        }
        let (token, length) = match first {
            '\'' | '"' => {
                let end = rest[1..].find(first).ok_or_else(|| wrong(format!("no closing `{first}`")))?;
                (Token::Quoted(&rest[1..=end]), end + 2)
            }
            '=' | '!' | '<' | '>' => relation(rest).map_err(wrong)?,
            '&' | '|' => return Err(wrong("write `and` and `or` instead of `&&` and `||`".to_owned())),
            '(' | ')' => {
                return Err(wrong("there are no brackets; `and` binds closer than `or`".to_owned()));
            }
            _ => {
                let length = length_of_word(rest);
                let token = match &rest[..length] {
                    "and" => Token::And,
                    "or" => Token::Or,
                    "not" => Token::Not,
                    word => Token::Word(word),
                };
                (token, length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn relation(rest: &str) -> Result<(Token<'static>, usize), String> {
    let known = [
        ("==", Relation::Equal),
        ("!=", Relation::Unequal),
        ("<=", Relation::AtMost),
        (">=", Relation::AtLeast),
        ("<", Relation::Less),
        (">", Relation::More),
    ];
    let found = known.into_iter().find(|(written, _)| rest.starts_with(written));
    found.map(|(written, relation)| (Token::Relation(relation), written.len())).ok_or_else(|| {
        if rest.starts_with('=') {
            "write `==` to compare".to_owned()
        } else {
            "write `not` instead of `!`".to_owned()
        }
    })
}

/// Length of a name, number or generator; what is in the brackets of a generator belongs to it.
fn length_of_word(rest: &str) -> usize {
    let mut open = 0_u32;
    rest.find(|c: char| {
        open = match c {
            '(' => open + 1,
            ')' => open.saturating_sub(1),
            _ => open,
        };
        open == 0 && (c.is_whitespace() || "=!<>'\"&|".contains(c))
    })
    .unwrap_or(rest.len())
}
