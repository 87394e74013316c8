use super::Figure;

/// Plain colours for the page's variables, as its light theme has them.
const COLOURS: [(&str, &str); 26] = [
    ("--ink", "#1b1f24"),
    ("--mute", "#5d6776"),
    ("--line", "#e4e6ea"),
    ("--ok", "#0b7a5b"),
    ("--warn", "#8f5200"),
    ("--bad", "#b3261e"),
    ("--card", "#fff"),
    ("--a", "#0072b2"),
    ("--b", "#c97700"),
    ("--c", "#a3407f"),
    ("--d", "#4690b9"),
    ("--e", "#7d8996"),
    ("--a-text", "#00659e"),
    ("--b-text", "#8f5600"),
    ("--c-text", "#963a75"),
    ("--d-text", "#2b7199"),
    ("--e-text", "#5d6776"),
    ("--band", "#0072b230"),
    ("--shade", "#1b1f240b"),
    ("--hover", "#1b1f2412"),
    ("--h0", "#d3e4f3"),
    ("--h1", "#a8cbe6"),
    ("--h2", "#74abd4"),
    ("--h3", "#3f86bb"),
    ("--h4", "#0b5c96"),
    ("--h5", "#06345c"),
];

const STYLE: &str = "<style>svg{background:#fff;font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",sans-serif;\
                     font-variant-numeric:tabular-nums}.budget{stroke-dasharray:6 14;stroke-linecap:round}.dash{stroke-dasharray:20 20}.cell{shape-rendering:crispEdges}</style>";

/// A figure as a file of its own, in the plain colours of the light page.
pub fn standalone(figure: &Figure) -> String {
    let mut svg = figure.wide.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1);
    // Inherited fonts come from the style below; elsewhere `inherit` is no family.
    svg = svg.replace(" font-family=\"inherit\"", "");
    for (name, colour) in COLOURS {
        svg = svg.replace(&format!("var({name})"), colour);
    }
    let size = svg.split("viewBox=\"0 0 ").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    if let Some((width, height)) = size.as_deref().and_then(|size| size.split_once(' ')) {
        let px =
            |text: &str| text.parse::<f64>().map_or_else(|_| text.to_owned(), |it| format!("{}", it / 4.0));
        svg = svg.replacen("<svg ", &format!("<svg width=\"{}\" height=\"{}\" ", px(width), px(height)), 1);
    }
    svg.replacen("</desc>", &format!("</desc>{STYLE}"), 1) + "\n"
}
