//! Files that are part of the program, so that a copied binary has them anywhere.

use config::{ConfigError, Document, among, nearest};

/// A shipped file.
pub(crate) struct Shipped {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! shipped {
    ($folder:literal: $($name:literal),* $(,)?) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../../../", $folder, "/", $name, ".ron")),
        }),*]
    };
}

/// A kind of shipped file.
pub(crate) struct Kind {
    /// What one of them is called in a sentence.
    pub(crate) noun: &'static str,
    /// The folder that holds them in the sources.
    pub(crate) folder: &'static str,
    pub(crate) files: &'static [Shipped],
}

/// Machines.
pub(crate) const MACHINES: Kind = Kind {
    noun: "machine",
    folder: "hw-configs",
    files: shipped!("hw-configs":
        "edge-hybrid",
        "cloud-hybrid",
        "edge-tpu-paper",
        "edge-tpu",
        "cloud-tpu-paper",
        "cloud-tpu",
        "tpu-v1",
        "tpu-v4i",
        "gemmini",
    ),
};

impl Shipped {
    /// The file as a document.
    pub(crate) fn document(&self, kind: &Kind) -> Result<Document, ConfigError> {
        Document::parse(format!("{}/{}.ron", kind.folder, self.name), self.text)
    }
}

impl Kind {
    /// The shipped file of a name.
    pub(crate) fn named(&self, name: &str) -> Result<&'static Shipped, ConfigError> {
        self.files
            .iter()
            .find(|file| file.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.files.iter().map(|file| file.name).collect();
                let near = nearest(name, &names)
                    .map_or(String::new(), |near| format!("did you mean `{near}`? "));
                ConfigError::new(format!(
                    "no {} is called `{name}`, and there is no such file",
                    self.noun
                ))
                .help(format!("{near}shipped are {}", among(&names)))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_shipped() {
        for kind in [MACHINES] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
            let folder = std::path::Path::new(folder).join(kind.folder);
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| name.strip_suffix(".ron").map(String::from))
                .collect();
            let mut shipped: Vec<&str> = kind.files.iter().map(|file| file.name).collect();
            found.sort_unstable();
            shipped.sort_unstable();
            assert_eq!(found, shipped, "files in {}", kind.folder);
        }
    }
}
