//! Verilator, built and run.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::answer::{Answer, Fnv};
use super::case::{Case, Shape};

/// The RTL and its testbench; the order is the compiler's.
const SOURCES: [(&str, &str); 14] = {
    macro_rules! source {
        ($name:literal) => {
            ($name, include_str!(concat!("../../rtl/", $name)))
        };
    }
    [
        source!("lint.vlt"),
        source!("types_pkg.sv"),
        source!("float_pkg.sv"),
        source!("pe_pkg.sv"),
        source!("skew.sv"),
        source!("port.sv"),
        source!("fold_walker.sv"),
        source!("loader.sv"),
        source!("drainer.sv"),
        source!("controller.sv"),
        source!("systolic_array.sv"),
        source!("array_system.sv"),
        source!("top.sv"),
        source!("harness.cpp"),
    ]
};

/// Options of the simulator. Loops over PEs stay loops: unrolled, the model would be as large as
/// the array.
const OPTIONS: [&str; 16] = [
    "--cc",
    "--exe",
    "--build",
    "--assert",
    "-Wall",
    "-O3",
    "-j",
    "2",
    "--x-assign",
    "fast",
    "--unroll-count",
    "2",
    "-CFLAGS",
    "-O2",
    "--top-module",
    "top",
];

/// Why the RTL could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// Verilator is not installed.
    #[error("`verilator` was not found; install it (Debian: apt-get install verilator)")]
    NoVerilator,
    /// The model does not build.
    #[error("the RTL does not build:\n{0}")]
    Build(String),
    /// A file or a pipe failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The testbench ended or printed something else.
    #[error("the testbench answered `{0}`")]
    Answer(String),
}

fn io(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> LiveError {
    let what = what.to_string();
    move |source| LiveError::Io { what, source }
}

/// A built model.
#[derive(Clone, Debug)]
pub struct Simulator {
    program: PathBuf,
}

impl Simulator {
    /// Builds the model in a folder of its own under `directory` (such as the target directory),
    /// unless these very sources have been built there before.
    ///
    /// # Errors
    /// Verilator is missing, the folder cannot be written, or the model does not build.
    pub fn build(directory: &Path) -> Result<Self, LiveError> {
        let mut hash = Fnv::default();
        for (name, text) in SOURCES {
            hash.bytes(name.as_bytes());
            hash.bytes(text.as_bytes());
        }
        for option in OPTIONS {
            hash.bytes(option.as_bytes());
        }
        let folder = directory.join(format!("rtl-{:016x}", hash.0));
        let folder = std::path::absolute(&folder).map_err(io(folder.display()))?;
        let program = folder.join("model").join("Vtop");
        if !program.exists() {
            build(&folder)?;
        }
        Ok(Self { program })
    }

    fn start(&self) -> Result<Child, LiveError> {
        Command::new(&self.program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(io(self.program.display()))
    }

    /// Runs cases, in their order, and hands each answer on as it comes.
    ///
    /// # Errors
    /// The testbench cannot be run, or ends before the last case.
    pub fn run(
        &self,
        cases: &[Case],
        mut answered: impl FnMut(&Case, Answer),
    ) -> Result<(), LiveError> {
        let mut child = self.start()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were piped");
        };
        let result = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A testbench that ended early shows in what it did not answer.
                cases.iter().try_for_each(|case| writeln!(input, "{case}"))
            });
            let mut lines = BufReader::new(output).lines();
            cases.iter().try_for_each(|case| {
                let line = lines
                    .next()
                    .ok_or_else(|| LiveError::Answer(format!("nothing to {case}")))?
                    .map_err(io("reading the testbench"))?;
                let answer = line
                    .parse()
                    .map_err(|()| LiveError::Answer(format!("{line} to {case}")))?;
                answered(case, answer);
                Ok(())
            })
        });
        // The testbench has come to its end or is of no more use.
        let _ = child.kill();
        let _ = child.wait();
        result
    }
}

fn build(folder: &Path) -> Result<(), LiveError> {
    fs::create_dir_all(folder).map_err(io(folder.display()))?;
    let mut command = Command::new("verilator");
    command.args(OPTIONS);
    // Built beside, then moved: a build that is cut short leaves nothing that looks built.
    let fresh = folder.join(format!("build-{}", std::process::id()));
    command.arg("--Mdir").arg(&fresh);
    for (name, text) in SOURCES {
        let path = folder.join(name);
        fs::write(&path, text).map_err(io(path.display()))?;
        command.arg(path);
    }
    let output = command.output().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => LiveError::NoVerilator,
        _ => io("verilator")(source),
    })?;
    if !output.status.success() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let log = text(&output.stdout) + &text(&output.stderr);
        return Err(LiveError::Build(log));
    }
    let model = folder.join("model");
    match fs::rename(&fresh, &model) {
        // Another process was first, with the same sources.
        Err(_) if model.join("Vtop").exists() => Ok(()),
        moved => moved.map_err(io(model.display())),
    }
}

/// Fresh random cases.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// The number of cases to draw.
    pub cases: u64,
    /// The first case's seed; each further case has the next.
    pub seed: u64,
    /// Testbenches that run side by side.
    pub threads: usize,
}

/// A case in which law and RTL differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The case in which they differ.
    pub case: Case,
    /// What the laws say.
    pub law: Answer,
    /// What the RTL did.
    pub rtl: Answer,
}

/// What a sweep found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The number of cases compared.
    pub cases: u64,
    /// Folds, each with three stamps.
    pub folds: u64,
    /// Cycles that the RTL ran until its last results.
    pub cycles: u64,
    /// Results compared, bit for bit.
    pub values: u64,
    /// Cases with any difference.
    pub mismatches: Vec<Mismatch>,
    /// The case of most cycles.
    pub slowest: Option<(Case, u64)>,
}

impl Report {
    fn add(&mut self, case: &Case, rtl: Answer) {
        // A random case has been timed before.
        let law = case.expect().expect("a random case has a law");
        let Shape { m, n, .. } = case.shape;
        self.cases += 1;
        self.folds += rtl.folds.len() as u64;
        self.cycles += rtl.total;
        self.values += m * n * case.repeat;
        if self.slowest.is_none_or(|(_, most)| rtl.total > most) {
            self.slowest = Some((*case, rtl.total));
        }
        if law != rtl {
            self.mismatches.push(Mismatch {
                case: *case,
                law,
                rtl,
            });
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.cases += other.cases;
        self.folds += other.folds;
        self.cycles += other.cycles;
        self.values += other.values;
        self.mismatches.extend(other.mismatches);
        self.slowest = match (self.slowest, other.slowest) {
            (Some(one), Some(two)) => Some(if two.1 > one.1 { two } else { one }),
            (one, two) => one.or(two),
        };
        self
    }
}

impl Sweep {
    /// Runs the sweep; `progress` is told of every answer, from any thread.
    ///
    /// # Errors
    /// The testbench cannot be run, or stops.
    pub fn run(
        self,
        simulator: &Simulator,
        progress: impl Fn() + Sync,
    ) -> Result<Report, LiveError> {
        let cases: Vec<Case> = (0..self.cases)
            .map(|n| Case::random(self.seed.wrapping_add(n)))
            .collect();
        let threads = self.threads.max(1);
        let share = cases.len().div_ceil(threads).max(1);
        let progress = &progress;
        std::thread::scope(|scope| {
            let workers: Vec<_> = cases
                .chunks(share)
                .map(|cases| {
                    scope.spawn(move || {
                        let mut report = Report::default();
                        simulator.run(cases, |case, answer| {
                            report.add(case, answer);
                            progress();
                        })?;
                        Ok(report)
                    })
                })
                .collect();
            workers
                .into_iter()
                .try_fold(Report::default(), |sum, worker| {
                    let report = worker.join().expect("a worker does not panic")?;
                    Ok(sum.merge(report))
                })
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mismatch in &self.mismatches {
            writeln!(f, "{mismatch}")?;
        }
        write!(
            f,
            "{} cases, {} folds, {} cycles, {} values: {} mismatches",
            self.cases,
            self.folds,
            self.cycles,
            self.values,
            self.mismatches.len()
        )?;
        if let Some((case, cycles)) = &self.slowest {
            write!(f, "\nslowest: {cycles} cycles, {}", case.describe())?;
        }
        Ok(())
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, law, rtl } = self;
        write!(f, "{} [{case}]:", case.describe())?;
        if law.total != rtl.total {
            write!(f, " total: law {}, RTL {};", law.total, rtl.total)?;
        }
        if law.gated != rtl.gated {
            write!(f, " gated: law {}, RTL {};", law.gated, rtl.gated)?;
        }
        if law.results != rtl.results {
            f.write_str(" results differ;")?;
        }
        let folds = law.folds.iter().zip(&rtl.folds).enumerate();
        if let Some((index, (law, rtl))) = folds.into_iter().find(|(_, (law, rtl))| law != rtl) {
            write!(f, " fold {index}: law {law:?}, RTL {rtl:?}")?;
        }
        Ok(())
    }
}
