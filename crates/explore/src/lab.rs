//! Runs of many studies: each done once, however many ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use accelerator::{Machine, MachineError, MachineSpec};
use workload_compiler::Workload;

use simulator::{Point, RunRecord, SimulationError, measure_all};

/// A run, or why there is none.
pub(crate) type Answer = Result<Arc<RunRecord>, Refusal>;

/// Why there is no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Machine and workload do not go together, or the machine cannot go on; why, in words.
    Unfit(String),
    /// A mistake of the simulator's own; which, in words.
    Internal(String),
}

impl Refusal {
    /// Why, in words.
    pub(crate) fn why(&self) -> &str {
        match self {
            Self::Unfit(why) | Self::Internal(why) => why,
        }
    }
}

impl From<SimulationError> for Refusal {
    fn from(error: SimulationError) -> Self {
        let why = error.to_string();
        match error {
            SimulationError::Machine(MachineError::Shortfall(_)) => Self::Internal(why),
            _ => Self::Unfit(why),
        }
    }
}

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
    ) -> Result<Vec<Arc<RunRecord>>, String> {
        let answers = self.runs(asked).into_iter();
        let answers = answers.map(|answer| answer.map_err(|refusal| refusal.why().to_owned()));
        answers.collect()
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
                    run.map(Arc::new).map_err(Refusal::from)
                }
                Err(error) => Err(Refusal::Unfit(error.clone())),
            };
            self.done.insert((*key).clone(), answer);
        }
        keys.iter().map(|key| self.done[key].clone()).collect()
    }
}
