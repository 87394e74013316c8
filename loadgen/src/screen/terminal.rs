//! Puts the picture on the terminal, once a second over the one before.
//!
//! The picture stands in the ordinary flow of the terminal, so that the last one stays there and a killed run leaves
//! nothing to be repaired: no alternate screen, no raw mode, no hidden cursor. Between two pictures the cursor waits at
//! the blank line above the picture. What anyone else prints meanwhile lands there and stays, and the next picture
//! begins below it. No position is ever asked for or remembered, so a resized window is put right a second later.

use std::{
    io::Write as _,
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use crossterm::{
    QueueableCommand as _,
    cursor::MoveUp,
    style::{Attribute, Color as Ink, Print, SetAttribute, SetForegroundColor},
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap, EndSynchronizedUpdate,
        size,
    },
};
use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::{Snapshot, memory::Memory, paint::width, pen::Pen, picture::render};

/// Whether a picture is on the terminal.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// The drawn screen.
#[derive(Debug)]
pub struct Tui {
    colour: bool,
    memory: Memory,
    last: Option<Buffer>,
    pen: Pen,
}

impl Tui {
    pub(super) fn new(colour: bool) -> Self {
        clear_before_panics();
        Self { colour, memory: Memory::default(), last: None, pen: Pen::new() }
    }

    pub(super) fn draw(&mut self, snapshot: &Snapshot<'_>) {
        self.memory.note(snapshot);
        let (columns, rows) = room();
        let picture = render(snapshot, &self.memory, columns, rows, self.colour);
        self.put(picture);
    }

    /// Draws `picture` over the one before.
    pub(super) fn put(&mut self, picture: Buffer) {
        SHOWN.store(true, Relaxed);
        self.pen.write(frame(&picture, picture.area.height, Rest::Above));
        self.last = Some(picture);
    }
}

/// Columns and rows of the terminal that a picture may take. A letter in the last column leaves the cursor in a state on
/// which terminals do not agree; the line above the picture is the cursor's.
pub(super) fn room() -> (u16, u16) {
    let (columns, rows) = size().unwrap_or((80, 24));
    (columns.saturating_sub(1).max(1), rows.saturating_sub(1).max(1))
}

impl Drop for Tui {
    /// Leaves the last picture, without the footer that tells how to stop, and the cursor below it. After a panic its
    /// message is left alone instead.
    fn drop(&mut self) {
        SHOWN.store(false, Relaxed);
        let last = match self.last.take() {
            None => Vec::new(),
            // A picture that was on its way when the panic's message was written.
            Some(_) if thread::panicking() => format!("\r{}", Clear(ClearType::FromCursorDown)).into_bytes(),
            Some(picture) => frame(&picture, picture.area.height - 1, Rest::Below),
        };
        self.pen.end(last);
    }
}

/// Where the cursor rests after a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rest {
    Above,
    Below,
}

/// The bytes that draw the first `rows` of `picture` from the line of the cursor on.
fn frame(picture: &Buffer, rows: u16, rest: Rest) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 << 10);
    // Writing to memory cannot fail.
    let _ = write_frame(&mut bytes, picture, rows, rest);
    bytes
}

fn write_frame(bytes: &mut Vec<u8>, picture: &Buffer, rows: u16, rest: Rest) -> std::io::Result<()> {
    bytes.queue(BeginSynchronizedUpdate)?.queue(DisableLineWrap)?;
    bytes.queue(Print("\r"))?.queue(Clear(ClearType::CurrentLine))?;
    for y in 0..rows {
        bytes.queue(Print("\r\n"))?.queue(Clear(ClearType::CurrentLine))?;
        write_row(bytes, picture, y)?;
    }
    bytes.queue(Clear(ClearType::FromCursorDown))?;
    match rest {
        Rest::Above if rows > 0 => _ = bytes.queue(MoveUp(rows))?.queue(Print("\r"))?,
        Rest::Above => {}
        Rest::Below => _ = bytes.queue(Print("\r\n"))?,
    }
    bytes.queue(EnableLineWrap)?.queue(EndSynchronizedUpdate)?.flush()
}

fn write_row(bytes: &mut Vec<u8>, picture: &Buffer, y: u16) -> std::io::Result<()> {
    let row: Vec<&Cell> = (0..picture.area.width).filter_map(|x| picture.cell((x, y))).collect();
    let end = row.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    let (mut style, mut covered) = ((Color::Reset, Modifier::empty()), 0);
    for (x, cell) in row[..end].iter().enumerate() {
        if x < covered {
            continue; // the right half of a wide letter
        }
        covered = x + width(cell.symbol()).max(1);
        if (cell.fg, cell.modifier) != style {
            style = (cell.fg, cell.modifier);
            set_style(bytes, style)?;
        }
        bytes.queue(Print(cell.symbol()))?;
    }
    if style != (Color::Reset, Modifier::empty()) {
        bytes.queue(SetAttribute(Attribute::Reset))?;
    }
    Ok(())
}

pub(super) fn set_style(bytes: &mut Vec<u8>, (colour, modifier): (Color, Modifier)) -> std::io::Result<()> {
    bytes.queue(SetAttribute(Attribute::Reset))?;
    let ink = match colour {
        Color::Cyan => Some(Ink::DarkCyan),
        Color::Green => Some(Ink::DarkGreen),
        Color::Red => Some(Ink::DarkRed),
        _ => None,
    };
    if let Some(ink) = ink {
        bytes.queue(SetForegroundColor(ink))?;
    }
    if modifier.contains(Modifier::BOLD) {
        bytes.queue(SetAttribute(Attribute::Bold))?;
    }
    if modifier.contains(Modifier::DIM) {
        bytes.queue(SetAttribute(Attribute::Dim))?;
    }
    Ok(())
}

/// Has a panic's message take the place of the picture instead of being written across it.
fn clear_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if SHOWN.load(Relaxed) {
                eprint!("\r{}", Clear(ClearType::FromCursorDown));
            }
            before(panic);
        }));
    });
}

#[cfg(test)]
mod tests {
    use ratatui::{layout::Rect, style::Style};

    use super::*;

    #[test]
    fn a_frame_ends_where_it_began_and_never_scrolls_by_itself() {
        let mut picture = Buffer::empty(Rect::new(0, 0, 12, 3));
        picture.set_string(0, 0, "商品 first", Style::new().fg(Color::Cyan));
        picture.set_string(0, 2, "footer", Style::new());
        let above = String::from_utf8(frame(&picture, 3, Rest::Above)).unwrap();
        assert_eq!(above.matches('\n').count(), 3);
        assert!(above.contains("\u{1b}[3A\r"), "{above:?}");
        assert!(above.contains("商品 first"), "{above:?}");
        let below = String::from_utf8(frame(&picture, 2, Rest::Below)).unwrap();
        assert!(!below.contains("footer") && !below.contains('A'), "{below:?}");
        assert_eq!(below.matches('\n').count(), 3);
    }
}
