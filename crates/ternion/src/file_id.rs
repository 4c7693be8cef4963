//! Which file a name leads to.

use std::fs::Metadata;

/// A file, whatever it is called: the same for all of its names, by hard and by symbolic links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    number: u64,
}

#[cfg(unix)]
impl FileId {
    /// The file that these are the facts of. Devices have none, for what is written to a terminal
    /// or to `/dev/null` does not come back from there, however often it is named.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let id = Self {
            device: metadata.dev(),
            number: metadata.ino(),
        };
        (!metadata.file_type().is_char_device()).then_some(id)
    }

    /// The file that a stream leads to.
    pub(crate) fn of_stream(stream: &impl std::os::fd::AsFd) -> Option<Self> {
        let own = stream.as_fd().try_clone_to_owned().ok()?;
        let metadata = std::fs::File::from(own).metadata().ok()?;
        Self::of(&metadata)
    }
}

/// Elsewhere files are told apart by their paths alone.
#[cfg(not(unix))]
impl FileId {
    pub(crate) fn of(_metadata: &Metadata) -> Option<Self> {
        None
    }

    pub(crate) fn of_stream<S>(_stream: &S) -> Option<Self> {
        None
    }
}
