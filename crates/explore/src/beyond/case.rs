//! What the chapters ask about: a model, whole or shortened, that runs on a machine.

use std::fmt;

use accelerator::MachineSpec;
use workload_compiler::{ModelChoice, Overrides, Preset, Run, find};

use crate::setting::Extent;
use crate::sheet::{Sheet, Value};

/// Blocks that a shortened model keeps.
const SHORT_LAYERS: u64 = 2;
/// Entries of the vocabulary that a shortened model keeps.
const SHORT_VOCABULARY: u64 = 1024;

/// A model of a chapter: a shipped model, or one that is shortened and says so in its name.
///
/// The name is the only way to show a subject, so a figure of a shortened model cannot stand under
/// the name of the whole one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    preset: &'static Preset,
    extent: Extent,
}

impl Subject {
    /// A shipped model, whole in a full reproduction and shortened in a quick one.
    ///
    /// # Panics
    /// If no shipped model is called `slug`: chapters name shipped models only.
    pub(crate) fn of(slug: &str, extent: Extent) -> Self {
        let preset = find(slug).expect("chapters name shipped models");
        Self { preset, extent }
    }

    /// A shipped model as it is, also in a quick reproduction.
    ///
    /// # Panics
    /// If no shipped model is called `slug`.
    pub(crate) fn whole(slug: &str) -> Self {
        Self::of(slug, Extent::Full)
    }

    /// What the title of a figure of this model must add: nothing for a whole model.
    pub(crate) const fn mark(&self) -> &'static str {
        self.extent.mark()
    }

    /// The shipped model that this is, or that it was shortened from.
    pub(crate) const fn preset(&self) -> &'static Preset {
        self.preset
    }

    /// The model as a workload file names it.
    pub(crate) fn choice(&self) -> ModelChoice {
        match self.extent {
            Extent::Full => ModelChoice::Preset(self.preset.slug.clone()),
            Extent::Quick => ModelChoice::Variant(Box::new(Overrides {
                of: self.preset.slug.clone(),
                name: Some(self.to_string()),
                layers: Some(SHORT_LAYERS),
                vocab: Some(SHORT_VOCABULARY),
                ..Overrides::default()
            })),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.preset.slug)?;
        match self.extent {
            Extent::Full => Ok(()),
            Extent::Quick => write!(
                f,
                " ({SHORT_LAYERS} of {} blocks, vocabulary {SHORT_VOCABULARY} of {})",
                self.preset.model.layers, self.preset.model.vocab
            ),
        }
    }
}

impl From<Subject> for Value {
    fn from(subject: Subject) -> Self {
        subject.to_string().into()
    }
}

/// A model's run on a machine: what most questions are about.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) spec: MachineSpec,
    pub(crate) model: Subject,
    pub(crate) run: Run,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}, {}", self.model, self.spec.name, self.run)
    }
}

impl Case {
    /// A table whose rows begin with the [`cells`](Self::cells) of a case.
    pub(crate) fn table(more: &[(&'static str, &'static str)]) -> Sheet {
        let first = [("machine", "machine"), ("model", "model"), ("run", "run")];
        Sheet::new(&[&first, more].concat())
    }

    /// The first cells of its rows, and more.
    pub(crate) fn cells(&self, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
        let first = [
            self.spec.name.as_str().into(),
            self.model.into(),
            self.run.to_string().into(),
        ];
        first.into_iter().chain(more).collect()
    }
}
