use plotters::style::RGBColor;

/// What a mark means. plotters writes fixed colours, so each meaning is drawn in a colour of its own that stands for a
/// CSS variable and is replaced by it when the figure is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text that is not data: ticks, names of axes, stages.
    Mute,
    /// A tick's text.
    Tick,
    /// Lines that carry no data.
    Grid,
    /// The axis itself.
    Axis,
    /// The accent: p95, begun, cache hits.
    A,
    /// A warning that is data: failed, dropped.
    B,
    /// p99.
    C,
    /// p50, users.
    D,
    /// Data that only gives the measure: offered.
    E,
    /// The accent beyond what was measured: dashed.
    Dashed,
    /// The answer.
    Safe,
    /// Text that is data.
    Text,
    /// An interval.
    Band,
    /// The warm-up and other stretches that are not judged.
    Shade,
    /// A budget: a dotted line and its name.
    Budget,
    /// The invisible target of a pointer, which carries a mark's text.
    Hit,
    /// A step of the ramp of a heat map, 0 for the least of [`HEATS`].
    Heat(u8),
}

/// Steps of the ramp of a heat map.
const HEATS: usize = 6;

const ALL: [(Ink, &str); 16 + HEATS] = [
    (Ink::Mute, "var(--mute)"),
    (Ink::Tick, "var(--mute)"),
    (Ink::Grid, "var(--line)"),
    (Ink::Axis, "var(--mute)"),
    (Ink::A, "var(--a)"),
    (Ink::B, "var(--b)"),
    (Ink::C, "var(--c)"),
    (Ink::D, "var(--d)"),
    (Ink::E, "var(--e)"),
    (Ink::Dashed, "var(--a)"),
    (Ink::Safe, "var(--ok)"),
    (Ink::Text, "var(--ink)"),
    (Ink::Band, "var(--band)"),
    (Ink::Shade, "var(--shade)"),
    (Ink::Budget, "var(--bad)"),
    (Ink::Hit, "transparent"),
    (Ink::Heat(0), "var(--h0)"),
    (Ink::Heat(1), "var(--h1)"),
    (Ink::Heat(2), "var(--h2)"),
    (Ink::Heat(3), "var(--h3)"),
    (Ink::Heat(4), "var(--h4)"),
    (Ink::Heat(5), "var(--h5)"),
];

impl Ink {
    /// The ink of a step of a heat map; the last for all beyond it.
    pub fn heat(level: usize) -> Self {
        Self::Heat(level.min(HEATS - 1) as u8)
    }

    /// Whether a rectangle in it can carry a text for the pointer.
    pub const fn titled(self) -> bool {
        matches!(self, Self::Hit | Self::Heat(_))
    }

    /// The colour that stands for it.
    pub fn color(self) -> RGBColor {
        let index = ALL.iter().position(|(ink, _)| *ink == self).unwrap_or(0);
        RGBColor(1, 2, index as u8)
    }

    /// Every sentinel as plotters writes it, with what stands in its place.
    pub fn sentinels() -> impl Iterator<Item = (Self, String, &'static str)> {
        ALL.iter().enumerate().map(|(index, (ink, css))| (*ink, format!("\"#0102{index:02X}\""), *css))
    }
}
