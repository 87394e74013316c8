use std::fmt::Write as _;

use maud::Render as _;
use plotters::{
    prelude::{DrawingBackend, IntoFont, SVGBackend, ShapeStyle},
    style::{
        FontStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{Words, theme::Ink};

/// plotters draws in whole pixels: four of its pixels make one of the page's.
const FINE: f64 = 4.0;
/// plotters writes font sizes divided by this.
const FONT: f64 = 1.24;
/// Size of the text in a figure, CSS pixels at the figure's natural width.
pub const TEXT: f64 = 11.5;
/// Average width of a character of that text.
const CHARACTER: f64 = 6.2;

/// A sheet in CSS pixels that plotters' SVG backend draws on.
pub struct Canvas<'a> {
    backend: SVGBackend<'a>,
    titles: Vec<String>,
}

/// Draws `width` × `height` CSS pixels with `paint` and makes an accessible SVG element of it.
pub fn draw(
    words: &Words<'_>,
    class: &str,
    width: f64,
    height: f64,
    paint: impl FnOnce(&mut Canvas<'_>),
) -> String {
    let mut svg = String::new();
    let size = ((width * FINE) as u32, (height * FINE) as u32);
    let mut canvas = Canvas { backend: SVGBackend::with_string(&mut svg, size), titles: Vec::new() };
    paint(&mut canvas);
    canvas.backend.present().expect("drawing into memory");
    let titles = std::mem::take(&mut canvas.titles);
    drop(canvas);
    finish(&svg, words, class, size, &titles)
}

/// How a text stands at its point.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Is centred there.
    Middle,
    /// Ends there.
    End,
}

impl Canvas<'_> {
    /// A line through points.
    pub fn line(&mut self, points: &[(f64, f64)], ink: Ink, width: f64) {
        let style =
            ShapeStyle { color: ink.color().into(), filled: false, stroke_width: (width * FINE) as u32 };
        self.backend.draw_path(points.iter().map(fine), &style).expect("drawing into memory");
    }

    /// A filled area.
    pub fn area(&mut self, points: &[(f64, f64)], ink: Ink) {
        let style = ShapeStyle::from(ink.color()).filled();
        self.backend.fill_polygon(points.iter().map(fine), &style).expect("drawing into memory");
    }

    /// A filled rectangle between two corners.
    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        self.mark(from, to, ink, String::new());
    }

    /// A filled rectangle with what a pointer reads where it rests on it, if its ink carries a title.
    pub fn mark(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink, title: String) {
        if ink.titled() {
            self.titles.push(title);
        }
        let style = ShapeStyle::from(ink.color()).filled();
        self.backend.draw_rect(fine(&from), fine(&to), &style, true).expect("drawing into memory");
    }

    /// A dot.
    pub fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        let style = ShapeStyle::from(ink.color()).filled();
        self.backend
            .draw_circle(fine(&at), (radius * FINE) as u32, &style, true)
            .expect("drawing into memory");
    }

    /// A line of text, vertically centred on its point.
    pub fn text(&mut self, text: &str, at: (f64, f64), anchor: Anchor, ink: Ink) {
        let h = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let (font, color) =
            (("inherit", TEXT * FINE * FONT).into_font().style(FontStyle::Normal), ink.color());
        let style = TextStyle::from(font).color(&color).pos(Pos::new(h, VPos::Center));
        self.backend.draw_text(text, &style, fine(&at)).expect("drawing into memory");
    }

    /// What a pointer reads where it rests on the rectangle between two corners.
    pub fn hit(&mut self, from: (f64, f64), to: (f64, f64), title: String) {
        self.mark(from, to, Ink::Hit, title);
    }
}

/// Width a text takes, roughly: no font is at hand.
pub fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * CHARACTER
}

fn fine(point: &(f64, f64)) -> (i32, i32) {
    ((point.0 * FINE).round() as i32, (point.1 * FINE).round() as i32)
}

/// Turns what plotters wrote, one element a line, into an element of the page: colours by variable, a title to each
/// target of a pointer, classes for what the style sheet treats on its own, and nothing said twice.
fn finish(svg: &str, words: &Words<'_>, class: &str, size: (u32, u32), titles: &[String]) -> String {
    let id = format!("{}-{class}", words.id);
    let mut page = format!(
        "<svg class=\"fig {class}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        size.0,
        size.1,
        words.title.render().0,
        words.about.render().0
    );
    let mut titles = titles.iter();
    let sentinels: Vec<_> = Ink::sentinels().collect();
    let body = svg.lines().skip(1);
    for line in body {
        let mut line = line.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
        for (ink, sentinel, css) in &sentinels {
            if !line.contains(sentinel) {
                continue;
            }
            line = line.replace(sentinel, &format!("\"{css}\""));
            match ink {
                ink if ink.titled() => {
                    let title = titles.next().map_or("", String::as_str).render().0;
                    if title.is_empty() {
                        continue;
                    }
                    let class = if *ink == Ink::Hit { "hit" } else { "cell" };
                    line = line.replace("/>", &format!("><title>{title}</title></rect>"));
                    line = line.replacen("<rect", &format!("<rect class=\"{class}\""), 1);
                }
                Ink::Tick => line = line.replacen("<text", "<text class=\"tick\"", 1),
                Ink::Dashed => line = line.replacen("<polyline", "<polyline class=\"dash\"", 1),
                Ink::Budget => line = line.replacen("<polyline", "<polyline class=\"budget\"", 1),
                // Thin strokes of text need more contrast than a line of the same colour.
                Ink::A | Ink::B | Ink::C | Ink::D | Ink::E if line.starts_with("<text") => {
                    line = line.replace(")\"", "-text)\"");
                }
                _ => {}
            }
        }
        let _ = write!(page, "{}", line.replace(" \"", "\""));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch() -> String {
        let words = Words { id: "x", title: "A < B", about: "about" };
        draw(&words, "wide", 100.0, 50.0, |canvas| {
            canvas.line(&[(0.0, 0.0), (10.0, 10.125)], Ink::A, 2.0);
            canvas.hit((1.0, 1.0), (2.0, 2.0), "5 < 6".into());
            canvas.text("10 ms", (5.0, 5.0), Anchor::End, Ink::Tick);
        })
    }

    #[test]
    fn no_fixed_colour_is_left_in_a_figure() {
        let svg = sketch();
        assert!(!svg.contains('#') && svg.contains("var(--a)"), "{svg}");
    }

    #[test]
    fn what_a_pointer_meets_has_its_text_and_the_figure_its_own() {
        let svg = sketch();
        assert!(svg.contains("<title>5 &lt; 6</title></rect>"), "{svg}");
        assert!(svg.contains(
            r#"role="img" aria-labelledby="x-wide-t x-wide-d"><title id="x-wide-t">A &lt; B</title>"#
        ));
        assert!(svg.contains(r#"points="0,0 40,41""#) && svg.ends_with("</svg>"), "{svg}");
    }
}
