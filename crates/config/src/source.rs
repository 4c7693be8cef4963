//! A text made of a file and of what overrides put into it; each byte knows its origin.

use crate::tree::Span;

/// One of the texts that a document is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file's name, or `--set`.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A stretch of the document that comes from one origin.
#[derive(Clone, Debug)]
struct Piece {
    length: usize,
    origin: usize,
    from: From,
}

/// Where in its origin a piece stands.
#[derive(Clone, Debug)]
enum From {
    /// Copied from this byte on.
    Copied(usize),
    /// Made up; stands for this place.
    Made(Span),
}

/// The text and its origins.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    origins: Vec<Origin>,
    pieces: Vec<Piece>,
    text: String,
}

/// A part of what an edit puts in.
#[derive(Clone)]
pub(crate) enum Part<'a> {
    /// This place of the new origin's text.
    Copied(Span),
    /// Other text, which stands for this place.
    Made(&'a str, Span),
}

impl Source {
    pub(crate) fn new(name: String, text: String) -> Self {
        Self {
            pieces: vec![Piece {
                length: text.len(),
                origin: 0,
                from: From::Copied(0),
            }],
            origins: vec![Origin {
                name,
                text: text.clone(),
            }],
            text,
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn name(&self) -> &str {
        &self.origins[0].name
    }

    /// Replaces a span of the text by parts of a new origin.
    pub(crate) fn replace(&mut self, span: Span, origin: Origin, parts: &[Part<'_>]) {
        let number = self.origins.len();
        let mut inserted = String::new();
        let mut new: Vec<Piece> = Vec::new();
        for part in parts {
            let (text, from) = match part {
                Part::Copied(place) => (&origin.text[place.clone()], From::Copied(place.start)),
                Part::Made(text, place) => (*text, From::Made(place.clone())),
            };
            inserted.push_str(text);
            new.push(Piece {
                length: text.len(),
                origin: number,
                from,
            });
        }
        let mut pieces = self.cut(0..span.start);
        pieces.append(&mut new);
        pieces.append(&mut self.cut(span.end..self.text.len()));
        self.pieces = pieces;
        self.text.replace_range(span, &inserted);
        self.origins.push(origin);
    }

    /// The pieces of a span of the text.
    fn cut(&self, span: Span) -> Vec<Piece> {
        let mut start = 0;
        let mut cut = Vec::new();
        for piece in &self.pieces {
            let end = start + piece.length;
            let (from, to) = (start.max(span.start), end.min(span.end));
            if from < to {
                cut.push(Piece {
                    length: to - from,
                    origin: piece.origin,
                    from: match &piece.from {
                        From::Copied(at) => From::Copied(at + (from - start)),
                        From::Made(place) => From::Made(place.clone()),
                    },
                });
            }
            start = end;
        }
        cut
    }

    /// Where a span of the text comes from; of a span over several origins, its beginning.
    pub(crate) fn locate(&self, span: &Span) -> (&Origin, Span) {
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.length;
            if span.start < end {
                let place = match &piece.from {
                    From::Copied(at) => {
                        let length = span.end.min(end).saturating_sub(span.start);
                        at + (span.start - start)..at + (span.start - start) + length
                    }
                    From::Made(place) => place.clone(),
                };
                return (&self.origins[piece.origin], place);
            }
            start = end;
        }
        let file = &self.origins[0];
        (file, file.text.len()..file.text.len())
    }
}
