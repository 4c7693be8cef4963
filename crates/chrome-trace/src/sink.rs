//! Where the bytes go: plain or compressed, remembering the first error.

use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Encoding;

/// A writer that an observer can use: errors do not interrupt the run, they are kept until the end.
pub(crate) struct Sink<W: Write> {
    out: Out<W>,
    error: Option<io::Error>,
}

enum Out<W: Write> {
    Plain(BufWriter<W>),
    Gzip(Box<GzEncoder<BufWriter<W>>>),
}

impl<W: Write> Sink<W> {
    pub(crate) fn new(writer: W, encoding: Encoding) -> Self {
        let buffered = BufWriter::with_capacity(1 << 16, writer);
        let out = match encoding {
            Encoding::Plain => Out::Plain(buffered),
            Encoding::Gzip => Out::Gzip(Box::new(GzEncoder::new(buffered, Compression::fast()))),
        };
        Self { out, error: None }
    }

    /// Whether nothing can be written any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.error.is_some()
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            let result = match &mut self.out {
                Out::Plain(out) => out.write_all(bytes),
                Out::Gzip(out) => out.write_all(bytes),
            };
            self.error = result.err();
        }
    }

    /// Flushes and gives the writer back.
    pub(crate) fn finish(self) -> io::Result<W> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let buffered = match self.out {
            Out::Plain(out) => out,
            Out::Gzip(out) => out.finish()?,
        };
        let mut writer = buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        writer.flush()?;
        Ok(writer)
    }
}
