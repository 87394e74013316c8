//! The few styles of the screen, and text that fits.

use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

/// Styles by meaning; all plain without colour, so that nothing is said by colour alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub colour: bool,
}

impl Paint {
    fn style(self, style: Style) -> Style {
        if self.colour { style } else { Style::new() }
    }

    pub fn accent(self) -> Style {
        self.style(Style::new().fg(Color::Cyan))
    }

    pub fn good(self) -> Style {
        self.style(Style::new().fg(Color::Green))
    }

    pub fn bad(self) -> Style {
        self.style(Style::new().fg(Color::Red))
    }

    /// What is no data: labels, headings, what is still to come.
    pub fn quiet(self) -> Style {
        self.style(Style::new().add_modifier(Modifier::DIM))
    }

    pub fn strong(self) -> Style {
        self.style(Style::new().add_modifier(Modifier::BOLD))
    }
}

/// Columns that `text` takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// `text` without control characters, or as much of it as fits into `room` columns with an ellipsis for the rest.
pub(super) fn cut(text: &str, room: usize) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if width(&text) <= room {
        return text;
    }
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|end| width(&text[..*end]) < room).last().unwrap_or(0);
    if room == 0 { String::new() } else { format!("{}…", &text[..end]) }
}

/// Fills `line` with blanks up to `column`, at least with `gap`.
pub(super) fn pad(line: &mut Line<'static>, column: usize, gap: usize) {
    let blanks = column.saturating_sub(line.width()).max(gap);
    line.push_span(Span::raw(" ".repeat(blanks)));
}

/// `text` in lines of at most `room` columns, broken between words; a longer word has a line of its own.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("begins with one");
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
