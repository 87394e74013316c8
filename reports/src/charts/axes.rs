use super::{
    canvas::{Anchor, Canvas, TEXT, text_width},
    scale::Scale,
    theme::Ink,
};

/// A rectangle of a figure with a vertical scale.
pub struct Panel {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// Lower edge.
    pub bottom: f64,
    /// Values to heights.
    pub y: Scale,
}

/// Room left of a panel for its ticks.
pub const LEFT: f64 = 56.0;
/// Room right of a panel for the names of its lines.
pub const RIGHT: f64 = 66.0;
/// Room above a panel for the name of its axis.
pub const NAME: f64 = 20.0;

/// Draws the grid, ticks and name of a panel's vertical axis between `top` and `bottom`, on a linear scale or one of
/// logarithms, framed by its ticks.
pub fn panel(
    canvas: &mut Canvas<'_>,
    width: f64,
    (top, bottom): (f64, f64),
    name: &str,
    ticks: &[(f64, String)],
    log: bool,
) -> Panel {
    let (low, high) = (ticks[0].0, ticks[ticks.len() - 1].0);
    let scale = if log { Scale::log } else { Scale::linear };
    let panel = Panel { left: LEFT, right: width - RIGHT, top, bottom, y: scale(low, high, bottom, top) };
    for (index, (value, text)) in ticks.iter().enumerate() {
        let y = panel.y.at(*value);
        let (ink, thickness) = if index == 0 && !log { (Ink::Axis, 1.0) } else { (Ink::Grid, 1.0) };
        canvas.line(&[(panel.left, y), (panel.right, y)], ink, thickness);
        canvas.text(text, (panel.left - 8.0, y), Anchor::End, Ink::Tick);
    }
    if log {
        canvas.line(&[(panel.left, bottom), (panel.right, bottom)], Ink::Axis, 1.0);
    }
    canvas.text(name, (2.0, top - NAME + TEXT / 2.0 - 1.0), Anchor::Start, Ink::Mute);
    panel
}

/// Draws the ticks of a horizontal axis under a panel, with faint lines up through it, and its name.
pub fn across(canvas: &mut Canvas<'_>, panel: &Panel, x: &Scale, ticks: &[(f64, String)], name: &str) {
    for (value, text) in ticks {
        let at = x.at(*value);
        canvas.line(&[(at, panel.top), (at, panel.bottom)], Ink::Grid, 1.0);
        canvas.text(text, (at, panel.bottom + 14.0), Anchor::Middle, Ink::Tick);
    }
    canvas.line(&[(panel.left, panel.bottom), (panel.right, panel.bottom)], Ink::Axis, 1.0);
    canvas.text(name, (panel.right, panel.bottom + 31.0), Anchor::End, Ink::Mute);
}

/// What the areas of a figure mean: swatches with their names in rows between `left` and `right`, the first at `top`. Gives
/// back where the rows end; only measures without a canvas.
pub fn legend(
    canvas: Option<&mut Canvas<'_>>,
    (left, right): (f64, f64),
    top: f64,
    entries: &[(&str, Ink)],
) -> f64 {
    const SWATCH: f64 = 11.0;
    const ROW: f64 = 20.0;
    let (mut x, mut y) = (left, top + ROW / 2.0);
    let mut places = Vec::new();
    for (name, ink) in entries {
        let width = SWATCH + 6.0 + text_width(name);
        if x > left && x + width > right {
            (x, y) = (left, y + ROW);
        }
        places.push((x, y, *name, *ink));
        x += width + 16.0;
    }
    if let Some(canvas) = canvas {
        for (x, y, name, ink) in places {
            canvas.rectangle((x, y - SWATCH / 2.0), (x + SWATCH, y + SWATCH / 2.0), ink);
            canvas.text(name, (x + SWATCH + 6.0, y), Anchor::Start, Ink::Mute);
        }
    }
    y + ROW / 2.0
}

/// A figure's limit.
pub struct Limit {
    /// Where it lies, in the panel's unit.
    pub value: f64,
    /// What it is called.
    pub name: String,
    /// Whether the figure must stay over it.
    pub lower: bool,
}

/// A dotted line at each limit with its name on the side where the figure must not be, beside the name of another limit
/// where the two would lie on each other. Drawn after the data, so that the names stay readable.
pub fn limits(canvas: &mut Canvas<'_>, panel: &Panel, limits: &[Limit]) {
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for Limit { value, name, lower } in limits {
        let y = panel.y.at(*value);
        canvas.line(&[(panel.left, y), (panel.right, y)], Ink::Budget, 1.5);
        let near = taken.iter().filter(|(other, _)| (other - y).abs() < APART);
        let x = near.map(|(_, end)| *end).fold(panel.left + 6.0, f64::max);
        // At the upper edge it would lie on the name of the axis.
        let below = *lower || y - panel.top < APART;
        canvas.text(name, (x, if below { y + 9.0 } else { y - 8.0 }), Anchor::Start, Ink::Budget);
        taken.push((y, x + text_width(name) + 12.0));
    }
}

/// Distance at which two lines of text do not touch.
const APART: f64 = 13.0;

/// The names of lines at their right ends `(height, name, ink)`, moved apart where they would lie on each other.
pub fn names(canvas: &mut Canvas<'_>, panel: &Panel, mut ends: Vec<(f64, &str, Ink)>) {
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    for index in 1..ends.len() {
        ends[index].0 = ends[index].0.max(ends[index - 1].0 + APART);
    }
    // What was pushed past the lower edge is pushed back up, and the others with it.
    let mut lowest = panel.bottom - 2.0;
    for end in ends.iter_mut().rev() {
        end.0 = end.0.min(lowest);
        lowest = end.0 - APART;
    }
    for (y, name, ink) in ends {
        canvas.text(name, (panel.right + 8.0, y), Anchor::Start, ink);
    }
}
