//! What people read: reports on standard output, complaints on standard error. Neither ends the
//! program in a panic when it is closed or full.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use crate::file_id::FileId;

/// One of the two streams that a program is started with to write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// What the stream is called in a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
        }
    }

    /// The file that the stream leads to, unless that is a device.
    pub(crate) fn file_id(self) -> Option<FileId> {
        match self {
            Self::Stdout => FileId::of_stream(&io::stdout()),
            Self::Stderr => FileId::of_stream(&io::stderr()),
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => io::stdout().is_terminal(),
            Self::Stderr => io::stderr().is_terminal(),
        }
    }

    /// Whether to colour what goes there: on a terminal that understands it, unless `NO_COLOR` is
    /// set.
    pub(crate) fn takes_colour(self) -> bool {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.is_terminal() && is_able() && !refused
    }

    /// Whether lines there can be drawn anew, as a progress bar does.
    pub(crate) fn takes_redrawing(self) -> bool {
        self.is_terminal() && is_able()
    }
}

/// Whether the terminal, if there is one, knows more than letters.
fn is_able() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Writes to a stream. A reader that goes away (`| head`) has read enough: the rest is dropped, and
/// the command goes on to its own end and exit code. Any other error is the caller's, by the
/// stream's name.
#[derive(Debug)]
pub(crate) struct Console {
    stream: Stream,
    reader_is_gone: bool,
}

impl Console {
    pub(crate) const fn new(stream: Stream) -> Self {
        Self {
            stream,
            reader_is_gone: false,
        }
    }

    /// Where the report goes when nothing else goes to standard output.
    pub(crate) const fn stdout() -> Self {
        Self::new(Stream::Stdout)
    }

    pub(crate) const fn stream(&self) -> Stream {
        self.stream
    }

    pub(crate) fn takes_colour(&self) -> bool {
        self.stream.takes_colour()
    }

    /// What to make of the end of an attempt to write, with what it gives if nobody reads any more.
    fn passed<T>(&mut self, attempt: io::Result<T>, nobody: T) -> io::Result<T> {
        attempt.or_else(|error| match error.kind() {
            ErrorKind::BrokenPipe => {
                self.reader_is_gone = true;
                Ok(nobody)
            }
            ErrorKind::Interrupted => Err(error),
            kind => {
                let message = format!("cannot write to {}: {error}", self.stream.name());
                Err(io::Error::new(kind, message))
            }
        })
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.reader_is_gone {
            return Ok(bytes.len());
        }
        let written = match self.stream {
            Stream::Stdout => io::stdout().write(bytes),
            Stream::Stderr => io::stderr().write(bytes),
        };
        self.passed(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match self.stream {
            Stream::Stdout => io::stdout().flush(),
            Stream::Stderr => io::stderr().flush(),
        };
        self.passed(flushed, ())
    }
}

/// Says something on standard error. If that cannot be written to, there is nobody to tell.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A path as it may be printed.
pub(crate) fn shown(path: &Path) -> String {
    config::printable(&path.to_string_lossy()).into_owned()
}
