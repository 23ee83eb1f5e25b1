//! A timeline as SVG: rows of dots over time, and shaded spans behind them. Plain enough to be read
//! in a diff, and the same text for the same data.

use std::fmt::Write as _;

/// A dot's meaning and colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dot {
    Accepted,
    Throttled,
    Failed,
}

impl Dot {
    const ALL: [Self; 3] = [Self::Accepted, Self::Throttled, Self::Failed];

    fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Accepted => ("#2b7a3d", "answered"),
            Self::Throttled => ("#d97a00", "429"),
            Self::Failed => ("#c1272d", "503"),
        }
    }
}

/// A shaded span of all rows or of one.
pub(crate) struct Span {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) row: Option<usize>,
    pub(crate) colour: &'static str,
    pub(crate) label: &'static str,
}

/// One plot. Times in seconds.
pub(crate) struct Timeline {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<&'static str>,
    pub(crate) length: f64,
    /// Distance between two marks on the axis, and how they are written.
    pub(crate) tick: f64,
    pub(crate) unit: (f64, &'static str),
    pub(crate) spans: Vec<Span>,
    pub(crate) dots: Vec<(f64, usize, Dot)>,
}

const WIDTH: f64 = 960.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 30.0;

/// Narrower spans are too narrow for their label.
const LABELLED: f64 = 50.0;
const TOP: f64 = 62.0;
const ROW: f64 = 56.0;

impl Timeline {
    pub(crate) fn svg(&self) -> String {
        let bottom = TOP + ROW * self.rows.len() as f64;
        let height = bottom + 44.0;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
             <title>{0}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <text x=\"12\" y=\"22\" font-size=\"15\" fill=\"#222222\">{0}</text>\n",
            self.title
        );
        self.legend(&mut out);
        self.spans(bottom, &mut out);
        self.axis(bottom, &mut out);
        for (number, name) in self.rows.iter().enumerate() {
            let y = row(number);
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#222222\">{name}</text>\n\
                 <line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#cccccc\"/>",
                LEFT - 10.0,
                y + 4.0,
                WIDTH - RIGHT
            );
        }
        for (at, number, dot) in &self.dots {
            let (x, y, colour) = (self.x(*at), row(*number), dot.look().0);
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.2}\" cy=\"{y}\" r=\"3.5\" fill=\"{colour}\"/>"
            );
        }
        out.push_str("</svg>\n");
        out
    }

    fn x(&self, at: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (at / self.length).clamp(0.0, 1.0)
    }

    fn legend(&self, out: &mut String) {
        let shown = Dot::ALL
            .into_iter()
            .filter(|dot| self.dots.iter().any(|d| d.2 == *dot));
        for (place, dot) in shown.enumerate() {
            let (colour, name) = dot.look();
            let x = LEFT + 100.0 * place as f64;
            let _ = writeln!(
                out,
                "<circle cx=\"{x}\" cy=\"42\" r=\"4\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"46\" fill=\"#222222\">{name}</text>",
                x + 9.0
            );
        }
    }

    fn spans(&self, bottom: f64, out: &mut String) {
        for span in &self.spans {
            let (from, to) = (self.x(span.from), self.x(span.to));
            let (top, height) = match span.row {
                Some(number) => (row(number) - ROW / 2.0, ROW),
                None => (TOP, bottom - TOP),
            };
            let _ = writeln!(
                out,
                "<rect x=\"{from:.2}\" y=\"{top}\" width=\"{:.2}\" height=\"{height}\" fill=\"{}\"/>\
                 <text x=\"{:.2}\" y=\"{:.1}\" font-size=\"10\" fill=\"#555555\">{}</text>",
                to - from,
                span.colour,
                from + 3.0,
                top + 11.0,
                if to - from > LABELLED { span.label } else { "" }
            );
        }
    }

    fn axis(&self, bottom: f64, out: &mut String) {
        let mut at = 0.0;
        while at <= self.length {
            let x = self.x(at);
            let _ = writeln!(
                out,
                "<line x1=\"{x:.2}\" x2=\"{x:.2}\" y1=\"{TOP}\" y2=\"{}\" stroke=\"#eeeeee\"/>\
                 <text x=\"{x:.2}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555555\">{} {}</text>",
                bottom + 4.0,
                bottom + 20.0,
                at / self.unit.0,
                self.unit.1
            );
            at += self.tick;
        }
    }
}

fn row(number: usize) -> f64 {
    TOP + ROW * (number as f64 + 0.5)
}
