//! What is read: files by their paths, and `-` for standard input. Each is read once, from front to
//! back, so that a pipe will do; and which they were is kept, so that no output goes onto an input.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use config::{ConfigError, Document, Longest};

use crate::console::shown;
use crate::file_id::FileId;

/// The name of standard input among arguments.
const STDIN: &str = "-";

/// A file that has been read.
#[derive(Clone, Debug)]
struct Input {
    id: Option<FileId>,
    /// Without links and `..`, if that can be told.
    path: Option<PathBuf>,
    name: String,
}

/// All files that this process has read. Standard input is one for all of the process, and so are
/// they: no command can forget to hand one on.
static INPUTS: Mutex<Vec<Input>> = Mutex::new(Vec::new());

/// Whether standard input has been read.
static STDIN_IS_READ: AtomicBool = AtomicBool::new(false);

/// Reads the text that an argument names.
pub(crate) fn text(argument: &Path) -> Result<String, ConfigError> {
    named(argument, Longest::Text)
}

/// Reads a file that a document names, also one called `-`.
pub(crate) fn file(path: &Path) -> Result<String, ConfigError> {
    read(path, Longest::Document)
}

fn named(argument: &Path, longest: Longest) -> Result<String, ConfigError> {
    if argument == Path::new(STDIN) {
        standard_input(longest)
    } else {
        read(argument, longest)
    }
}

fn read(path: &Path, longest: Longest) -> Result<String, ConfigError> {
    let opened = File::open(path);
    if let Ok(file) = &opened {
        let metadata = file.metadata().ok();
        let id = metadata.and_then(|metadata| FileId::of(&metadata));
        note(id, path.canonicalize().ok(), shown(path));
    }
    config::text_of(&shown(path), opened, longest)
}

/// Reads the RON file that an argument names.
pub(crate) fn document(argument: &Path) -> Result<Document, ConfigError> {
    Document::parse(name(argument), named(argument, Longest::Document)?)
}

/// Refuses that more than one of the arguments of these options is standard input.
pub(crate) fn refuse_stdin_twice(arguments: &[(&str, &str)]) -> Result<(), ConfigError> {
    let mut from_stdin = arguments.iter().filter(|(_, argument)| *argument == STDIN);
    match (from_stdin.next(), from_stdin.next()) {
        (Some((one, _)), Some((other, _))) => {
            let message = format!("{one} and {other} are both `-`, standard input");
            Err(ConfigError::new(message).help("give one of the two as a file"))
        }
        _ => Ok(()),
    }
}

/// How errors call a file, and reports what it describes.
pub(crate) fn name(argument: &Path) -> String {
    match argument.to_str() {
        Some(STDIN) => "stdin".into(),
        _ => argument.to_string_lossy().into_owned(),
    }
}

/// The name of the input that an output at this place would destroy, if there is one.
pub(crate) fn read_from(id: Option<FileId>, path: Option<&Path>) -> Option<String> {
    let inputs = INPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |input: &&Input| {
        (id.is_some() && input.id == id) || (path.is_some() && input.path.as_deref() == path)
    };
    inputs.iter().find(same).map(|input| input.name.clone())
}

fn standard_input(longest: Longest) -> Result<String, ConfigError> {
    if STDIN_IS_READ.swap(true, Ordering::Relaxed) {
        let message = "`-` is standard input, which can be read once only";
        return Err(ConfigError::new(message).help("give one of the two as a file"));
    }
    let id = FileId::of_stream(&io::stdin());
    note(id, None, "standard input".to_owned());
    config::text_of("standard input", Ok(io::stdin().lock()), longest)
}

fn note(id: Option<FileId>, path: Option<PathBuf>, name: String) {
    let mut inputs = INPUTS.lock().unwrap_or_else(PoisonError::into_inner);
    inputs.push(Input { id, path, name });
}
