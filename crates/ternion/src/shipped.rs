//! Files that are part of the program, so that a copied binary has them anywhere.

use config::{ConfigError, Document};

use crate::unknown;

/// A shipped file.
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

// MACHINE_FILES, WORKLOAD_FILES, PUBLISHED_FILES and KERNEL_FILES: see build.rs.
include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// A kind of shipped file.
pub(crate) struct Kind {
    /// What one of them is called in a sentence, and the name of its root.
    pub(crate) noun: &'static str,
    /// The folder that holds them in the sources.
    folder: &'static str,
    /// The option that takes one of them.
    pub(crate) option: &'static str,
    /// How `--set` calls it.
    pub(crate) target: &'static str,
    pub(crate) files: &'static [Shipped],
}

/// The shipped machine files.
pub(crate) static MACHINES: Kind = Kind {
    noun: "machine",
    folder: "hw-configs",
    option: "--hw",
    target: "hw",
    files: MACHINE_FILES,
};

/// The shipped workload files.
pub(crate) static WORKLOADS: Kind = Kind {
    noun: "workload",
    folder: "workloads",
    option: "--workload",
    target: "workload",
    files: WORKLOAD_FILES,
};

/// Machines of which results are published.
pub(crate) static PUBLISHED: Kind = Kind {
    noun: "machine",
    folder: "hw-configs/published",
    option: "--hw",
    target: "hw",
    files: PUBLISHED_FILES,
};

/// What those machines run.
pub(crate) static KERNELS: Kind = Kind {
    noun: "workload",
    folder: "workloads/kernels",
    option: "--workload",
    target: "workload",
    files: KERNEL_FILES,
};

/// All kinds, in the order of listings.
pub(crate) static ALL: [&Kind; 4] = [&MACHINES, &PUBLISHED, &WORKLOADS, &KERNELS];

/// The shipped file of a name among some kinds.
///
/// # Errors
/// With what the name is instead, or the names that there are.
pub(crate) fn named(name: &str, kinds: &[&'static Kind]) -> Result<&'static Shipped, ConfigError> {
    let mut kinds_of_it = kinds.iter();
    let file = kinds_of_it.find_map(|kind| kind.find(name));
    file.ok_or_else(|| unknown::no_such(name, kinds))
}

impl Kind {
    /// The shipped file of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Shipped> {
        self.files.iter().find(|file| file.name == name)
    }

    /// A shipped file as a document.
    pub(crate) fn document(&self, file: &Shipped) -> Result<Document, ConfigError> {
        Document::parse(format!("{}/{}.ron", self.folder, file.name), file.text)
    }
}
