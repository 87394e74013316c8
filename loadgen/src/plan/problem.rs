//! What is wrong with a scenario, told as compilers tell it.

use std::{fmt, path::PathBuf};

/// A stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Number of the file in [`Files`].
    pub file: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in the file, bytes.
    pub start: usize,
    /// Length, bytes.
    pub length: usize,
}

impl Span {
    /// The first character of a file.
    pub const fn start_of(file: usize) -> Self {
        Self { file, line: 1, column: 1, start: 0, length: 0 }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, if it is in a file.
    pub span: Option<Span>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem with what is written at `span`.
    pub fn at(span: Span, message: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into() }
    }

    /// A problem that is in no file: an option of the command line.
    pub fn elsewhere(message: impl Into<String>) -> Self {
        Self { span: None, message: message.into() }
    }
}

/// The files that make a scenario.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<(PathBuf, String)>,
}

impl Files {
    /// Adds a file and gives its number.
    pub fn add(&mut self, path: PathBuf, text: String) -> usize {
        self.files.push((path, text));
        self.files.len() - 1
    }

    /// Path and text of file number `file`.
    pub fn get(&self, file: usize) -> (&PathBuf, &str) {
        (&self.files[file].0, &self.files[file].1)
    }

    /// Path and text of every file, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&PathBuf, &str)> {
        self.files.iter().map(|(path, text)| (path, text.as_str()))
    }

    /// Narrows `span` to the first occurrence of `part` in what is written there.
    pub fn narrow(&self, span: Span, part: &str) -> Span {
        let text = self.get(span.file).1;
        let Some(written) = text.get(span.start..span.start + span.length) else { return span };
        let Some(offset) = written.find(part) else { return span };
        let before = &written[..offset];
        let (line, column) = match before.rfind('\n') {
            None => (span.line, span.column + before.chars().count()),
            Some(at) => (span.line + before.matches('\n').count(), before[at + 1..].chars().count() + 1),
        };
        Span { line, column, start: span.start + offset, length: part.len(), ..span }
    }
}

/// Why a scenario cannot be run: every problem that was found.
#[derive(Debug)]
pub struct PlanError {
    /// In the order of the files.
    pub problems: Vec<Problem>,
    files: Files,
}

impl PlanError {
    /// Sorts the problems by where they are and drops those said twice.
    pub fn new(mut problems: Vec<Problem>, files: Files) -> Self {
        problems.sort_by_key(|problem| problem.span.map(|span| (span.file, span.start)));
        problems.dedup();
        Self { problems, files }
    }
}

impl std::error::Error for PlanError {}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let Some(span) = problem.span else {
                f.write_str(&problem.message)?;
                continue;
            };
            let (path, text) = self.files.get(span.file);
            write!(f, "{}:{}:{}: {}", path.display(), span.line, span.column, problem.message)?;
            if let Some(line) = text.lines().nth(span.line - 1) {
                write_excerpt(f, line, span)?;
            }
        }
        Ok(())
    }
}

/// The line with carets under what is meant.
fn write_excerpt(f: &mut fmt::Formatter<'_>, line: &str, span: Span) -> fmt::Result {
    const LONGEST: usize = 160;
    let number = span.line.to_string();
    let shown: String = line.chars().take(LONGEST).map(|c| if c == '\t' { ' ' } else { c }).collect();
    let width = shown.chars().count();
    if span.column > width + 1 {
        return Ok(());
    }
    // A stretch over several lines is marked to the end of its first.
    let carets = span.length.clamp(1, (width + 1 - span.column).max(1));
    write!(f, "\n {number} | {shown}\n {:w$} | {:c$}", "", "", w = number.len(), c = span.column - 1)?;
    f.write_str(&"^".repeat(carets))
}

/// `; did you mean …?` when one of `known` is like `wrong`, else the list of what is known.
pub fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(wrong, &known) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => {
            let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("; known here: {}", list.join(", "))
        }
    }
}

/// The one of `known` that `wrong` was most likely meant to be, if any is like it.
pub fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), *name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
