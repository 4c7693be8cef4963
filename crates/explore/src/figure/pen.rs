//! Words and boxes at places in points.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{COLOURS, FigureError, bold, failed, font};

/// Draws on an area at places in points from its upper left corner, whatever the scale of the area.
pub(super) struct Pen<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    scale: u32,
}

/// Which point of a text stands at its place; the middle of its height always does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    /// The left end of the text.
    Left,
    /// The middle of the text.
    Centre,
    /// The right end of the text.
    Right,
}

impl Anchor {
    const fn position(self) -> Pos {
        let horizontal = match self {
            Self::Left => HPos::Left,
            Self::Centre => HPos::Center,
            Self::Right => HPos::Right,
        };
        Pos {
            h_pos: horizontal,
            v_pos: VPos::Center,
        }
    }
}

impl<'a, DB: DrawingBackend> Pen<'a, DB> {
    pub(super) const fn new(root: &'a DrawingArea<DB, Shift>, scale: u32) -> Self {
        Self { root, scale }
    }

    fn pixel(&self, (x, y): (u32, u32)) -> (i32, i32) {
        ((x * self.scale) as i32, (y * self.scale) as i32)
    }

    fn draw(
        &self,
        words: &str,
        place: (u32, u32),
        style: TextStyle<'_>,
    ) -> Result<(), FigureError> {
        let text = Text::new(words.to_owned(), self.pixel(place), style);
        self.root.draw(&text).map_err(failed)
    }

    /// Black words of a size in points.
    pub(super) fn words(
        &self,
        words: &str,
        place: (u32, u32),
        size: u32,
        anchor: Anchor,
    ) -> Result<(), FigureError> {
        self.draw(words, place, font(size, self.scale).pos(anchor.position()))
    }

    /// Words of a colour.
    pub(super) fn coloured_words(
        &self,
        words: &str,
        place: (u32, u32),
        size: u32,
        colour: RGBColor,
    ) -> Result<(), FigureError> {
        let style = font(size, self.scale).color(&colour);
        self.draw(words, place, style.pos(Anchor::Left.position()))
    }

    /// Bold words, their middle at the place.
    pub(super) fn heading(
        &self,
        words: &str,
        place: (u32, u32),
        size: u32,
    ) -> Result<(), FigureError> {
        let style = bold(size, self.scale);
        self.draw(words, place, style.pos(Anchor::Centre.position()))
    }

    /// A box between two corners.
    pub(super) fn filled(
        &self,
        from: (u32, u32),
        to: (u32, u32),
        colour: RGBColor,
    ) -> Result<(), FigureError> {
        let corners = [self.pixel(from), self.pixel(to)];
        let filled = Rectangle::new(corners, colour.filled());
        self.root.draw(&filled).map_err(failed)
    }

    /// The entries of a legend, each at its place under `top`.
    pub(super) fn legend(
        &self,
        entries: &[String],
        places: &[(u32, u32)],
        top: u32,
    ) -> Result<(), FigureError> {
        for (index, (entry, &(x, y))) in entries.iter().zip(places).enumerate() {
            let y = top + y;
            self.filled((x, y), (x + 14, y + 12), COLOURS[index % COLOURS.len()])?;
            self.words(entry, (x + 20, y + 6), 13, Anchor::Left)?;
        }
        Ok(())
    }
}
