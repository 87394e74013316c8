use record::Window;

use super::{
    Form,
    axes::{LEFT, NAME, Panel, RIGHT, names, panel},
    canvas::{Anchor, Canvas, text_width},
    scale::{Scale, round_ticks, time_ticks},
    theme::Ink,
};
use crate::{
    report::{Bin, Report},
    words,
};

/// The horizontal axis of a run and what is the same in every figure over time.
pub struct Time<'a> {
    report: &'a Report,
    /// Seconds to positions.
    pub x: Scale,
    width: f64,
}

/// One line over time.
pub struct Line<'a> {
    /// Its name, written at its right end.
    pub name: &'a str,
    /// Its meaning.
    pub ink: Ink,
    /// Its thickness, CSS pixels.
    pub thickness: f64,
    /// Its value in each bin; a bin without one breaks the line.
    pub value: &'a dyn Fn(&Bin) -> Option<f64>,
}

/// Height of the row over the first panel that names the stages.
const STAGES: f64 = 18.0;
/// Height of the strip over the first panel: the stages, and under them the stretches that are not judged.
pub const STRIP: f64 = STAGES + 16.0;
/// Height between two panels.
const GAP: f64 = 16.0;
/// Height under the last panel for the axis of time.
const AXIS: f64 = 26.0;

impl<'a> Time<'a> {
    /// The axis of `report` on a figure of `form`.
    pub fn new(report: &'a Report, form: Form) -> Self {
        let width = form.width();
        let seconds = report.setting.recorded_s.max(1) as f64;
        Self { report, x: Scale::linear(0.0, seconds, LEFT, width - RIGHT), width }
    }

    /// Stacks panels of the given `heights` under the strip of stages, with room for their names; gives back their
    /// edges and the height of the whole figure.
    pub fn stack(heights: &[f64]) -> (Vec<(f64, f64)>, f64) {
        let mut at = STRIP;
        let edges = heights
            .iter()
            .map(|height| {
                let top = at + NAME;
                at = top + height + GAP;
                (top, top + height)
            })
            .collect();
        (edges, at - GAP + AXIS)
    }

    /// Shades what is not judged, marks and names the stages, and draws the axis, from the strip down to `bottom`.
    pub fn ground(&self, canvas: &mut Canvas<'_>, bottom: f64) {
        let setting = &self.report.setting;
        let (recorded, planned) = (setting.recorded_s as f64, setting.planned_s);
        let Window { from_s, .. } = setting.judged;
        let mut shade = |from: f64, to: f64, name: &str| {
            let (from, to) = (self.x.at(from), self.x.at(to));
            canvas.rectangle((from, STAGES), (to, bottom), Ink::Shade);
            if to - from > text_width(name) + 8.0 {
                canvas.text(name, (from + 5.0, STAGES + 8.0), Anchor::Start, Ink::Mute);
            }
        };
        if from_s > 0 {
            shade(0.0, from_s as f64, "warm-up");
        }
        if planned > 0.0 && recorded > planned {
            shade(planned, recorded, "drain");
        }
        for stage in &setting.stages {
            let (from, to) = (self.x.at(stage.from_s), self.x.at(stage.to_s.min(recorded)));
            if stage.from_s > 0.0 && stage.from_s < recorded {
                canvas.line(&[(from, STAGES), (from, bottom)], Ink::Grid, 1.0);
            }
            if stage.from_s < recorded && to - from > text_width(&stage.short) + 6.0 {
                canvas.text(&stage.short, (f64::midpoint(from, to), STAGES / 2.0), Anchor::Middle, Ink::Mute);
            }
        }
        let room = (self.width - LEFT - RIGHT) / 64.0;
        for second in time_ticks(recorded, room as usize) {
            let x = self.x.at(second as f64);
            canvas.text(&words::clock(second), (x, bottom + 14.0), Anchor::Middle, Ink::Tick);
        }
    }

    /// A panel from 0 to a round value over everything `lines` show and `at_least`, its ticks named by `name_tick`.
    pub fn panel_from_zero(
        &self,
        canvas: &mut Canvas<'_>,
        edges: (f64, f64),
        name: &str,
        lines: &[Line<'_>],
        at_least: f64,
        name_tick: &dyn Fn(f64) -> String,
    ) -> Panel {
        let bins = &self.report.timeline.bins;
        let values = lines.iter().flat_map(|line| bins.iter().filter_map(|bin| (line.value)(bin)));
        let high = values.fold(at_least, f64::max);
        let count = if edges.1 - edges.0 > 110.0 { 4 } else { 2 };
        let ticks: Vec<_> =
            round_ticks(high, count).into_iter().map(|tick| (tick, name_tick(tick))).collect();
        panel(canvas, self.width, edges, name, &ticks, false)
    }

    /// Draws lines over the bins, and their names at their ends.
    pub fn lines(&self, canvas: &mut Canvas<'_>, panel: &Panel, lines: &[Line<'_>]) {
        let bins = &self.report.timeline.bins;
        let mut ends = Vec::new();
        for line in lines {
            let mut piece: Vec<(f64, f64)> = Vec::new();
            let mut end_s = None;
            let mut draw = |piece: &mut Vec<(f64, f64)>| {
                match piece.as_slice() {
                    [] => {}
                    [one] => canvas.dot(*one, 3.5, line.ink),
                    more => canvas.line(more, line.ink, line.thickness),
                }
                piece.clear();
            };
            for bin in bins {
                if end_s.is_some_and(|end| end != bin.from_s) {
                    draw(&mut piece);
                }
                end_s = Some(bin.to_s);
                match (line.value)(bin) {
                    Some(value) => piece.push((self.x.at(middle(bin)), panel.y.at(value))),
                    None => draw(&mut piece),
                }
            }
            draw(&mut piece);
            if let Some(value) = bins.iter().rev().find_map(|bin| (line.value)(bin)) {
                ends.push((panel.y.at(value), line.name, line.ink));
            }
        }
        names(canvas, panel, ends);
    }

    /// Lays a target for the pointer over each bin, from the strip to `bottom`, that says what `title` makes of it.
    pub fn hits(&self, canvas: &mut Canvas<'_>, bottom: f64, title: &dyn Fn(&Bin) -> String) {
        for bin in &self.report.timeline.bins {
            let span = (self.x.at(bin.from_s as f64), self.x.at(bin.to_s as f64));
            let when = format!("{}–{}", words::clock(bin.from_s), words::clock(bin.to_s));
            canvas.hit((span.0, STRIP + NAME), (span.1, bottom), format!("{when} · {}", title(bin)));
        }
    }
}

fn middle(bin: &Bin) -> f64 {
    f64::midpoint(bin.from_s as f64, bin.to_s as f64)
}
