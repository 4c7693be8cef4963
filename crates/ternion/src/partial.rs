//! Files under way: what will be `run.json` is written as `run.json.partial`, beside its place and
//! in sight, and takes its name when it is complete.
//!
//! A run that fails or is interrupted removes what it has under way. One that is killed outright
//! cannot, and leaves it: the next run that writes the same file takes it away. A lock on the file,
//! which ends with its process, tells a file under way from one that was left.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::file_id::FileId;
use crate::input;

/// How the names of files under way end.
pub(crate) const ENDING: &str = ".partial";

/// So many runs may write the same file at once; the last to end stays.
const MOST_AT_ONCE: u32 = 1000;

/// What most file systems take as the name of a file.
const LONGEST_NAME_BYTES: usize = 255;

/// All files that this process has under way.
static UNDER_WAY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn under_way() -> MutexGuard<'static, Vec<PathBuf>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file under way. If it is dropped before it is complete, it is gone.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Partial {
    /// Begins a file that will stand at `target`, which is no link; with the permissions of the
    /// file that it replaces, if there is one.
    pub(crate) fn create(target: PathBuf, permissions: Option<Permissions>) -> io::Result<Self> {
        let partial = Self::begin(target)?;
        if let Some(permissions) = permissions {
            partial.file.set_permissions(permissions)?;
        }
        Ok(partial)
    }

    fn begin(target: PathBuf) -> io::Result<Self> {
        let mut known = under_way();
        for number in 1..=MOST_AT_ONCE {
            let path = beside(&target, number);
            if let Some(file) = claim(&path)? {
                known.push(path.clone());
                clear_left_behind(&target, number + 1);
                return Ok(Self { file, path, target });
            }
        }
        let message = format!("{MOST_AT_ONCE} files of its name are under way");
        Err(io::Error::new(ErrorKind::AlreadyExists, message))
    }

    /// Where its bytes go.
    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Moves the complete file to its place, once the disk holds it: whatever happens to the
    /// machine, what stands there is the old file or all of the new one.
    pub(crate) fn complete(self) -> io::Result<()> {
        self.file.sync_all()?;
        let mut known = under_way();
        fs::rename(&self.path, &self.target)?;
        known.retain(|path| *path != self.path);
        drop(known);
        // Not every file system can make a folder's names last; the file is whole all the same.
        let _ = File::open(folder(&self.target)).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let mut known = under_way();
        if known.contains(&self.path) {
            known.retain(|path| *path != self.path);
            // It is of no use to anybody; if it cannot be removed, it is in sight.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes all files under way, for a process that ends here: from now on none begins, and none is
/// completed.
pub(crate) fn abandon_all() {
    let mut known = under_way();
    for path in known.drain(..) {
        let _ = fs::remove_file(path);
    }
    // Whoever waits to begin or to complete one waits until the process is gone.
    std::mem::forget(known);
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The name of a file under way: `run.json.partial`, `run.json.2.partial` for a second run at once.
fn beside(target: &Path, number: u32) -> PathBuf {
    let ending = match number {
        1 => ENDING.to_owned(),
        _ => format!(".{number}{ENDING}"),
    };
    let name = target.file_name().unwrap_or_default();
    let mut name: OsString = if name.len() + ending.len() > LONGEST_NAME_BYTES {
        // At most four bytes each.
        name.to_string_lossy()
            .chars()
            .take(60)
            .collect::<String>()
            .into()
    } else {
        name.to_owned()
    };
    name.push(ending);
    folder(target).join(name)
}

/// Creates a file of this name, in place of one that was left. `None` if the name is taken: by a
/// run that goes on, or by what no run has left.
fn claim(path: &Path) -> io::Result<Option<File>> {
    // Twice and more only if others claim and leave it in the same instant.
    for _ in 0..100 {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            // Another run may have found it before it was locked: that one has it, or has removed
            // it.
            Ok(file) if !lock(&file).unwrap_or(true) => return Ok(None),
            Ok(file) if stands_at(&file, path) => return Ok(Some(file)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if !remove_left_behind(path) {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Removes what runs left that wrote at the same time as others.
fn clear_left_behind(target: &Path, from: u32) {
    for number in from..=MOST_AT_ONCE {
        let path = beside(target, number);
        if path.symlink_metadata().is_err() {
            return;
        }
        remove_left_behind(&path);
    }
}

/// Removes a file if a run left it that is no more. Whether it is gone.
fn remove_left_behind(path: &Path) -> bool {
    let is_input = |metadata: &Metadata| input::read_from(FileId::of(metadata), None).is_some();
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() && !is_input(&metadata) => {}
        _ => return false,
    }
    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return false;
    };
    // Only who holds the lock removes or renames the file: what stands there then stays until
    // removed.
    let is_ours = lock(&file).unwrap_or(false) && stands_at(&file, path);
    is_ours && fs::remove_file(path).is_ok()
}

/// Whether an open file is what stands at a path, as far as that can be told.
fn stands_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(open), Ok(there)) => FileId::of(&open) == FileId::of(&there),
        _ => false,
    }
}

/// Locks a file for as long as it is open. Whether it was free; an error where there are no locks.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn lock(_file: &File) -> io::Result<bool> {
    Err(ErrorKind::Unsupported.into())
}
