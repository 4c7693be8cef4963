//! What is said of a name that is not shipped as what was asked for: what it is instead, and how
//! that is used.

use std::path::Path;

use config::{ConfigError, among, nearest};
use energy::Technology;
use workload_compiler::Preset;

use crate::load;
use crate::shipped::{ALL, KERNELS, Kind, WORKLOADS};

/// Whether an argument that is no file was meant as the name of something shipped, and not as a
/// path: names may hold dots (`bitnet-b1.58-2b-4t`), but no folders and no ending of letters.
pub(crate) fn is_name(argument: &str) -> bool {
    let path = Path::new(argument);
    let ending = path.extension().and_then(|ending| ending.to_str());
    let is_ending = |ending: &str| ending.chars().all(char::is_alphabetic);
    path.components().count() == 1 && !ending.is_some_and(is_ending)
}

/// The error for a name that none of the kinds asked for has, with the remedy: where the name is
/// known as something else, how that is run; else the names that there are.
pub(crate) fn no_such(name: &str, wanted: &[&Kind]) -> ConfigError {
    known_elsewhere(name, &nouns(wanted)).unwrap_or_else(|| {
        let files = wanted.iter().flat_map(|kind| kind.files);
        let names: Vec<&str> = files.map(|file| file.name).collect();
        let near =
            nearest(name, &names).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        let noun = nouns(wanted);
        let message = format!("no {noun} is called `{name}`, and there is no such file");
        ConfigError::new(message).help(format!("{near}shipped are {}", among(&names)))
    })
}

/// What the kinds are called, each once: `machine`, `machine or workload`.
pub(crate) fn nouns(kinds: &[&Kind]) -> String {
    let mut nouns: Vec<&str> = kinds.iter().map(|kind| kind.noun).collect();
    nouns.dedup();
    nouns.join(" or ")
}

/// What a name is, if it is shipped as anything but what was `wanted`.
pub(crate) fn known_elsewhere(name: &str, wanted: &str) -> Option<ConfigError> {
    let is = |what: &str| ConfigError::new(format!("`{name}` is a {what}, not a {wanted}"));
    if let Some(kind) = ALL.iter().find(|kind| kind.find(name).is_some()) {
        let (noun, option) = (kind.noun, kind.option);
        return Some(is(noun).help(format!(
            "give it as {option} {name}; `ternion {noun}s {name}` prints it"
        )));
    }
    if let Some(preset) = workload_compiler::find(name) {
        return Some(is("model").help(how_to_run(preset)));
    }
    if dram::preset::named(name).is_some() {
        return Some(is("memory").help(format!(
            "a machine names it: memory: Dram(standard: \"{name}\"), or \
             --set 'hw.memory=Dram(standard: \"{name}\")'; `ternion dram --config {name}` runs it alone"
        )));
    }
    if Technology::shipped(name).is_some() {
        return Some(is("technology").help(format!(
            "a machine names it: technology: \"{name}\", or --set 'hw.technology=\"{name}\"'"
        )));
    }
    None
}

/// How a model is run: the shipped workloads of it, a file of one's own, or a changed field.
fn how_to_run(preset: &Preset) -> String {
    let slug = &preset.slug;
    let mut shipped = Vec::new();
    for kind in [&WORKLOADS, &KERNELS] {
        for file in kind.files {
            let document = kind.document(file).ok();
            let document = document.filter(|document| document.root_name() == Some("Workload"));
            let workload = document.and_then(|document| load::resolve_workload(document).ok());
            if workload.is_some_and(|workload| workload.value.model.name == preset.model.name) {
                shipped.push(file.name);
            }
        }
    }
    let of_it = match shipped.as_slice() {
        [] => String::new(),
        names => format!("{} run it; or ", among(names)),
    };
    format!(
        "a workload says how a model is run: {of_it}write a file: Workload(model: \"{slug}\", run: \
         Decode(context: 512)); or change the model of a workload: --set 'workload.model=\"{slug}\"'"
    )
}
