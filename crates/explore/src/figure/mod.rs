//! Figures: drawn once, written as SVG and as PNG.
//!
//! The font is compiled in, so that equal data give equal bytes on every machine. All figures have
//! a white ground: they are read in print and on a dark screen alike.

mod bars;
mod heat;
mod infinity;
mod lines;
mod pen;
mod pencil;
mod shares;

use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

pub use bars::{BarChart, Group};
pub use heat::{HeatMap, HeatScale};
pub use infinity::AtInfinity;
pub use lines::{Axis, Line, LineChart, XAxis};
pub use shares::{Panel, SharesChart};

/// Colours that stay apart in print and for most eyes (Okabe and Ito, 2008).
pub(crate) const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
    RGBColor(120, 120, 120),
];

/// Black or white: what is read on a colour.
pub(crate) fn ink(colour: RGBColor) -> RGBColor {
    // Lightness as eyes weigh it (ITU-R BT.601).
    let RGBColor(r, g, b) = colour;
    let lightness = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
    if lightness > 120_000 { BLACK } else { WHITE }
}

/// Points that a text of 13 points takes at most.
pub(crate) fn text_width(text: &str) -> u32 {
    15 * text.chars().count() as u32 / 2
}

/// Where the entries of a legend begin between two edges, from its top, and how tall it is.
pub(crate) fn legend(entries: &[String], left: u32, right: u32) -> (Vec<(u32, u32)>, u32) {
    const ROW: u32 = 18;
    let (mut x, mut y) = (left, 0);
    let mut places = Vec::new();
    for entry in entries {
        let wide = 38 + text_width(entry);
        if x > left && x + wide > right {
            (x, y) = (left, y + ROW);
        }
        places.push((x, y));
        x += wide;
    }
    (places, y + ROW)
}

/// A figure could not be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a figure cannot be drawn: {0}")]
pub struct FigureError(pub(crate) String);

pub(crate) fn failed(error: impl std::fmt::Display) -> FigureError {
    FigureError(error.to_string())
}

/// What can be drawn.
pub trait Figure {
    /// Width and height in points.
    fn size(&self) -> (u32, u32);

    /// Draws on an area of `scale` times this size, everything `scale` times as large.
    ///
    /// # Errors
    /// If the backend cannot draw.
    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError>;
}

/// One figure above another, as one.
#[derive(Clone, Debug)]
pub struct Above<A, B>(pub A, pub B);

impl<A: Figure, B: Figure> Figure for Above<A, B> {
    fn size(&self) -> (u32, u32) {
        let (above, below) = (self.0.size(), self.1.size());
        (above.0.max(below.0), above.1 + below.1)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        root: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> Result<(), FigureError> {
        let (above, below) = root.split_vertically(self.0.size().1 * scale);
        self.0.draw(&above, scale)?;
        self.1.draw(&below, scale)
    }
}

/// A drawn figure.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The name of its files, without ending.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// The figure as an SVG document.
    pub svg: String,
    /// The figure as a PNG file.
    pub png: Vec<u8>,
}

impl Drawn {
    /// Draws a figure both ways.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn new(
        name: impl Into<String>,
        caption: impl Into<String>,
        figure: &impl Figure,
    ) -> Result<Self, FigureError> {
        Ok(Self {
            name: name.into(),
            caption: caption.into(),
            svg: svg(figure)?,
            png: png(figure)?,
        })
    }
}

/// The PNG has twice as many pixels a side as the SVG has points: fit for print.
const PNG_SCALE: u32 = 2;

fn fonts() -> Result<(), FigureError> {
    static FONTS: OnceLock<bool> = OnceLock::new();
    let registered = FONTS.get_or_init(|| {
        let regular = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        let bold = register_font("sans-serif", FontStyle::Bold, dejavu::sans::bold());
        regular.is_ok() && bold.is_ok()
    });
    match registered {
        true => Ok(()),
        false => Err(failed("the font cannot be read")),
    }
}

/// A figure as SVG.
///
/// # Errors
/// If it cannot be drawn.
pub fn svg(figure: &impl Figure) -> Result<String, FigureError> {
    fonts()?;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, figure.size()).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        figure.draw(&root, 1)?;
        root.present().map_err(failed)?;
    }
    Ok(text)
}

/// A figure as PNG.
///
/// # Errors
/// If it cannot be drawn.
pub fn png(figure: &impl Figure) -> Result<Vec<u8>, FigureError> {
    fonts()?;
    let (width, height) = figure.size();
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        let root = backend.into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        figure.draw(&root, PNG_SCALE)?;
        root.present().map_err(failed)?;
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

/// Text of a size in points.
pub(crate) fn font(size: u32, scale: u32) -> TextStyle<'static> {
    ("sans-serif", size * scale).into_font().color(&BLACK)
}

/// Bold text of a size in points.
pub(crate) fn bold(size: u32, scale: u32) -> TextStyle<'static> {
    let font = FontDesc::new(
        FontFamily::SansSerif,
        f64::from(size * scale),
        FontStyle::Bold,
    );
    font.color(&BLACK)
}
