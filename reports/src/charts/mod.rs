//! Figures, drawn by plotters' SVG backend from the report's figures alone: one file each, one theme. Each is drawn
//! once for a wide page and once for a phone, where the wide one's text would be too small to read.

mod axes;
mod busy;
mod cache;
mod cache_model;
mod canvas;
mod changes;
mod cost;
mod day;
mod health;
mod heat;
mod hockey;
mod latency;
mod per_user;
mod scalability;
mod scale;
mod spectrum;
mod standalone;
mod theme;
mod time;
mod tornado;
mod traffic;

pub use busy::busy;
pub use cache::{cache, observed, title as cache_title};
pub use cache_model::cache_model;
pub use changes::{changed, changes};
pub use cost::cost;
pub use day::{day, lost, title as lost_title};
pub use health::{cpu, lag};
pub use heat::{heat, named as band_name};
pub use hockey::hockey;
pub use latency::latency;
pub use per_user::per_user;
pub use scalability::scalability;
pub use spectrum::spectrum;
pub use standalone::standalone;
pub use tornado::tornado;
pub use traffic::traffic;

/// A figure as SVG elements to be set into a page that defines the theme's variables.
#[derive(Debug)]
pub struct Figure {
    /// For a wide page.
    pub wide: String,
    /// For a phone.
    pub narrow: String,
}

/// Which of the two is being drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Wide,
    /// Half the wide page: two figures beside each other.
    Half,
    Narrow,
}

impl Form {
    /// Width in CSS pixels at which the figure's text has its natural size.
    const fn width(self) -> f64 {
        match self {
            Self::Wide => 1040.0,
            Self::Half => 500.0,
            Self::Narrow => 360.0,
        }
    }

    /// What a budget's line is called; on a phone its colour and dots must say that it is one.
    fn budget(self, text: &str) -> String {
        if self == Self::Narrow { text.to_owned() } else { format!("budget {text}") }
    }

    /// The class by which the style sheet shows it or not.
    const fn class(self) -> &'static str {
        match self {
            Self::Wide | Self::Half => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// What a figure says of itself to those who don't see it.
struct Words<'a> {
    id: &'a str,
    title: &'a str,
    about: &'a str,
}

/// Draws a figure in both forms; `large` is the form for a wide page.
fn both(large: Form, draw: impl Fn(Form) -> String) -> Figure {
    Figure { wide: draw(large), narrow: draw(Form::Narrow) }
}
