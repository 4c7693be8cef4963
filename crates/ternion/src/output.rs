//! Files that appear whole or not at all.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use config::ConfigError;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A file under way, unbuffered: written beside its place and moved there when complete, so that a run that
/// fails leaves what stood there before.
pub(crate) struct OutputFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl OutputFile {
    /// Opens a file that will stand at `path`. Its folder must exist.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let refused = |why: &str, help: &str| {
            let error = ConfigError::new(format!("cannot write `{}`: {why}", path.display()));
            Failure::from(error.help(help))
        };
        if path.is_dir() {
            return Err(refused("it is a directory", "name a file in it"));
        }
        if !folder.is_dir() {
            let why = format!("there is no folder `{}`", folder.display());
            return Err(refused(&why, "create the folder first, or name another"));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".ternion-").suffix(".partial");
        readable_by_all(&mut builder);
        let file = builder
            .tempfile_in(folder)
            .map_err(|error| refused(&error.to_string(), "name a place that can be written to"))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    /// Moves the complete file to its place.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let path = self.path;
        self.file
            .persist(&path)
            .map_err(|error| error.error)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(())
    }
}

/// Temporary files are private by default; these become the user's results.
#[cfg(unix)]
fn readable_by_all(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_all(_builder: &mut tempfile::Builder<'_, '_>) {}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
