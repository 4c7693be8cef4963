//! Files that are part of the program, so that a copied binary has them anywhere.

use config::{ConfigError, Document, among, nearest};

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
    /// How `--set` calls it.
    pub(crate) target: &'static str,
    pub(crate) files: &'static [Shipped],
}

/// Machines.
pub(crate) static MACHINES: Kind = Kind {
    noun: "machine",
    folder: "hw-configs",
    target: "hw",
    files: MACHINE_FILES,
};

/// Workloads.
pub(crate) static WORKLOADS: Kind = Kind {
    noun: "workload",
    folder: "workloads",
    target: "workload",
    files: WORKLOAD_FILES,
};

/// Machines of which results are published.
pub(crate) static PUBLISHED: Kind = Kind {
    noun: "machine",
    folder: "hw-configs/published",
    target: "hw",
    files: PUBLISHED_FILES,
};

/// What those machines run.
pub(crate) static KERNELS: Kind = Kind {
    noun: "workload",
    folder: "workloads/kernels",
    target: "workload",
    files: KERNEL_FILES,
};

impl Kind {
    /// The shipped file of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Shipped> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The shipped file of a name, or an error that tells which there are.
    pub(crate) fn named(&self, name: &str) -> Result<&'static Shipped, ConfigError> {
        self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.files.iter().map(|file| file.name).collect();
            let near = nearest(name, &names)
                .map_or(String::new(), |near| format!("did you mean `{near}`? "));
            let message = format!(
                "no {} is called `{name}`, and there is no such file",
                self.noun
            );
            ConfigError::new(message).help(format!("{near}shipped are {}", among(&names)))
        })
    }

    /// A shipped file as a document.
    pub(crate) fn document(&self, file: &Shipped) -> Result<Document, ConfigError> {
        Document::parse(format!("{}/{}.ron", self.folder, file.name), file.text)
    }
}
