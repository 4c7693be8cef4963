//! Runs of many studies: each done once, however many ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use accelerator::{Machine, MachineSpec};
use workload_compiler::Workload;

use crate::{Measured, Point, measure_all};

/// A run, or why there is none.
pub(crate) type Answer = Result<Arc<Measured>, String>;

/// Remembers runs by what was run.
#[derive(Default)]
pub(crate) struct Lab {
    done: BTreeMap<String, Answer>,
}

/// What decides the result: all of both, but for names.
fn key(spec: &MachineSpec, workload: &Workload) -> String {
    let spec = MachineSpec {
        name: String::new(),
        description: String::new(),
        ..spec.clone()
    };
    let mut workload = workload.clone();
    workload.model.name.clear();
    format!("{spec:?} {workload:?}")
}

impl Lab {
    /// Runs all, as [`Lab::runs`] does.
    ///
    /// # Errors
    /// Why the first that cannot be run cannot.
    pub(crate) fn all(
        &mut self,
        asked: &[(MachineSpec, Workload)],
    ) -> Result<Vec<Arc<Measured>>, String> {
        self.runs(asked).into_iter().collect()
    }

    /// Runs what has not been run yet, as many at once as there are threads; results in the order
    /// of the questions.
    pub(crate) fn runs(&mut self, asked: &[(MachineSpec, Workload)]) -> Vec<Answer> {
        let keys: Vec<_> = asked.iter().map(|(spec, work)| key(spec, work)).collect();
        let mut new: Vec<(&String, Result<Machine, String>, &Workload)> = Vec::new();
        for (key, (spec, workload)) in keys.iter().zip(asked) {
            if self.done.contains_key(key) || new.iter().any(|(known, ..)| *known == key) {
                continue;
            }
            let machine = Machine::new(spec.clone()).map_err(|error| error.to_string());
            new.push((key, machine, workload));
        }
        let points: Vec<Point<'_>> = new
            .iter()
            .filter_map(|(_, machine, workload)| {
                Some(Point {
                    machine: machine.as_ref().ok()?,
                    workload: (*workload).clone(),
                })
            })
            .collect();
        let mut runs = measure_all(&points).into_iter();
        for (key, machine, _) in &new {
            let answer = match machine {
                Ok(_) => {
                    let run = runs.next().expect("one run for each machine");
                    run.map(Arc::new).map_err(|error| error.to_string())
                }
                Err(error) => Err(error.clone()),
            };
            self.done.insert((*key).clone(), answer);
        }
        keys.iter().map(|key| self.done[key].clone()).collect()
    }
}
