//! Outputs: files that appear whole or not at all, and streams, which are written as they are.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use config::ConfigError;

use crate::console::{Console, Stream, shown};
use crate::failure::Failure;
use crate::file_id::FileId;
use crate::input;
use crate::partial::{ENDING, Partial, folder};

/// The name of standard output among arguments.
const STDOUT: &str = "-";

/// So many links in a row are followed, as by Linux.
const MOST_LINKS: u32 = 40;

/// An output under way, unbuffered.
#[derive(Debug)]
pub(crate) struct OutputFile {
    name: String,
    to: Destination,
}

#[derive(Debug)]
enum Destination {
    /// A file that moves to its place when it is complete.
    Partial(Partial),
    /// A device, a FIFO or a descriptor.
    Open(File),
    Console(Console),
}

/// Opens the outputs of a command: of each the option that asks for it and where it goes, if it is
/// asked for. That is done before anything runs, for an hour should not end in a mistyped folder.
///
/// An output is refused if it would destroy another, or a file that was read.
pub(crate) fn open<const N: usize>(
    wanted: [(&str, Option<&Path>); N],
) -> Result<[Option<OutputFile>; N], Failure> {
    let mut places: Vec<(usize, &str, Place)> = Vec::with_capacity(N);
    for (index, (option, path)) in wanted.into_iter().enumerate() {
        let Some(path) = path else { continue };
        let place = Place::find(path)?;
        if let Some((_, other, _)) = places.iter().find(|(_, _, known)| known.is(&place)) {
            let error = ConfigError::new(format!("{other} and {option} name the same file"));
            return Err(error.help("give each its own").into());
        }
        if let Some(input) = place.input() {
            let message = format!("{option} would overwrite `{input}`, which this run reads");
            let error = ConfigError::new(message).help("name another file for the output");
            return Err(error.into());
        }
        places.push((index, option, place));
    }
    let mut opened = [const { None }; N];
    for (index, _, place) in places {
        opened[index] = Some(place.open()?);
    }
    Ok(opened)
}

/// Where the report goes: to standard output, or beside an output that goes there to standard
/// error.
pub(crate) fn report_beside(outputs: &[&Option<OutputFile>]) -> Console {
    let mut outputs = outputs.iter().copied().flatten();
    if outputs.any(OutputFile::is_stdout) {
        Console::new(Stream::Stderr)
    } else {
        Console::stdout()
    }
}

impl OutputFile {
    /// Opens one output; see [`open`].
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        Place::find(path)?.open()
    }

    fn is_stdout(&self) -> bool {
        match &self.to {
            Destination::Console(console) => console.stream() == Stream::Stdout,
            Destination::Partial(_) | Destination::Open(_) => false,
        }
    }

    /// Moves the complete file to its place.
    pub(crate) fn finish(mut self) -> Result<Written, Failure> {
        self.flush()?;
        let name = self.name;
        if let Destination::Partial(partial) = self.to {
            partial.complete().map_err(|error| failed(&name, &error))?;
        }
        Ok(Written {
            name,
            notes: Vec::new(),
        })
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            Destination::Partial(partial) => partial.file().write(bytes),
            Destination::Open(file) => file.write(bytes),
            Destination::Console(console) => return console.write(bytes),
        };
        written.map_err(|error| failed(&self.name, &error))
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            Destination::Console(console) => console.flush(),
            Destination::Partial(_) | Destination::Open(_) => Ok(()),
        }
    }
}

/// An error of writing that names the file that the user asked for, and not that under way.
fn failed(name: &str, error: &io::Error) -> io::Error {
    // Whoever writes all of something tries again after this one.
    if error.kind() == ErrorKind::Interrupted {
        return error.kind().into();
    }
    io::Error::new(error.kind(), format!("cannot write `{name}`: {error}"))
}

/// An output in its place, to be told of.
#[derive(Debug)]
pub(crate) struct Written {
    name: String,
    notes: Vec<String>,
}

impl Written {
    /// Adds a line about what the output holds.
    pub(crate) fn note(&mut self, line: String) {
        self.notes.push(line);
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wrote {}", self.name)?;
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "  {note}"))
    }
}

/// Says last where the outputs of a command went.
pub(crate) fn tell<'a>(
    out: &mut Console,
    written: impl IntoIterator<Item = &'a Written>,
) -> io::Result<()> {
    for (number, output) in written.into_iter().enumerate() {
        let blank = if number == 0 { "\n" } else { "" };
        write!(out, "{blank}{output}")?;
    }
    Ok(())
}

/// Where an output goes, before it is opened.
struct Place {
    name: String,
    kind: Kind,
    /// What is there already.
    id: Option<FileId>,
}

enum Kind {
    /// A file, by its path without links, and the permissions of the one that is there.
    File(PathBuf, Option<Permissions>),
    /// What is not a file with a name of its own: written as it is.
    Open(PathBuf),
    Console(Stream),
}

impl Place {
    fn find(path: &Path) -> Result<Self, Failure> {
        if path == Path::new(STDOUT) {
            return Ok(Self::console(Stream::Stdout));
        }
        let name = shown(path);
        let is_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        let metadata = match path.metadata() {
            Ok(metadata) => Some(metadata),
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(refused(&name, &error.to_string(), WRITABLE)),
        };
        if is_folder || metadata.as_ref().is_some_and(Metadata::is_dir) {
            return Err(refused(&name, "it is a directory", "name a file in it"));
        }
        let id = metadata.as_ref().and_then(FileId::of);
        // What is written to the program's own streams must not be cut off by a new file in their
        // place.
        let mut streams = [Stream::Stdout, Stream::Stderr].into_iter();
        if let Some(stream) = streams.find(|stream| id.is_some() && stream.file_id() == id) {
            return Ok(Self::console(stream));
        }
        let target = follow(path).map_err(|error| refused(&name, &error.to_string(), WRITABLE))?;
        let kind = match (target, metadata) {
            (Some(target), None) => Kind::File(in_folder(&target, &name)?, None),
            (Some(target), Some(metadata)) if metadata.is_file() => {
                Kind::File(in_folder(&target, &name)?, Some(metadata.permissions()))
            }
            _ => Kind::Open(path.to_owned()),
        };
        Ok(Self { name, kind, id })
    }

    fn console(stream: Stream) -> Self {
        Self {
            name: stream.name().to_owned(),
            kind: Kind::Console(stream),
            id: stream.file_id(),
        }
    }

    /// Whether two outputs would get into each other's way.
    fn is(&self, other: &Self) -> bool {
        let same = match (&self.kind, &other.kind) {
            (Kind::File(path, _), Kind::File(other, _)) => path == other,
            (Kind::Console(stream), Kind::Console(other)) => stream == other,
            _ => false,
        };
        same || (self.id.is_some() && self.id == other.id)
    }

    /// The input that this output would destroy.
    fn input(&self) -> Option<String> {
        let path = match &self.kind {
            Kind::File(path, _) => Some(path.as_path()),
            Kind::Open(_) | Kind::Console(_) => None,
        };
        input::read_from(self.id, path)
    }

    fn open(self) -> Result<OutputFile, Failure> {
        let Self { name, kind, .. } = self;
        let opened = match kind {
            Kind::Console(stream) => Ok(Destination::Console(Console::new(stream))),
            // A descriptor may lead into a file that others write to, too: at its end.
            Kind::Open(path) => OpenOptions::new()
                .append(true)
                .open(path)
                .map(Destination::Open),
            Kind::File(path, permissions) => begin(path, permissions).map(Destination::Partial),
        };
        match opened {
            Ok(to) => Ok(OutputFile { name, to }),
            Err(error) => Err(refused(&name, &error.to_string(), WRITABLE)),
        }
    }
}

/// Begins a file, if the one that it replaces may be written to.
fn begin(path: PathBuf, permissions: Option<Permissions>) -> io::Result<Partial> {
    if permissions.is_some() {
        OpenOptions::new().write(true).open(&path)?;
    }
    Partial::create(path, permissions)
}

/// Where a path leads when its last link is followed. `None` if that is a descriptor of a process
/// (`/dev/fd/3`), whose file has another name or none.
fn follow(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let is_link = path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_symlink());
        if !is_link {
            return Ok(Some(path));
        }
        let folder = folder(&path);
        if folder.canonicalize()?.starts_with("/proc") {
            return Ok(None);
        }
        path = folder.join(path.read_link()?);
    }
    Err(io::Error::other("too many links, one to the next"))
}

/// The path of a file, by way of its folder's path without links.
fn in_folder(path: &Path, name: &str) -> Result<PathBuf, Failure> {
    let Some(file) = path.file_name() else {
        return Err(refused(name, "it names no file", "name a file"));
    };
    if file.as_encoded_bytes().ends_with(ENDING.as_bytes()) {
        let why = format!("what ends in `{ENDING}` are files under way");
        return Err(refused(name, &why, "choose another ending"));
    }
    let folder = folder(path);
    match folder.canonicalize() {
        Ok(folder) if folder.is_dir() => Ok(folder.join(file)),
        _ => {
            let why = format!("there is no folder `{}`", shown(folder));
            let help = "create the folder first, or name another";
            Err(refused(name, &why, help))
        }
    }
}

/// Whether there is nothing at a path.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

const WRITABLE: &str = "name a place that can be written to";

fn refused(name: &str, why: &str, help: &str) -> Failure {
    let error = ConfigError::new(format!("cannot write `{name}`: {why}"));
    error.help(help).into()
}
