//! Lists of kernels: what a machine that starts each piece of work by itself runs, one after
//! another.

use config::FieldError;
use serde::{Deserialize, Serialize};
use tile_program::VectorKind;
use workload_compiler::{DenseLayer, ModelChoice, PrecisionFile, Run, Workload, WorkloadFile};

/// A list of kernels as written. The crate's README explains each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Kernels", deny_unknown_fields)]
pub struct KernelsFile {
    /// Tokens that the list makes, for tokens a second and serial work of each. Default: the list
    /// makes none, as a bare product does.
    #[serde(default)]
    pub tokens: Option<u64>,
    /// Layers that the list goes through, for serial work of each. Default 1.
    #[serde(default = "one")]
    pub layers: u64,
    /// Formats of weights (`projection`) and activations.
    #[serde(default)]
    pub precision: PrecisionFile,
    /// The kernels, in order.
    pub kernels: Vec<KernelFile>,
}

/// One kernel as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "Kernel", deny_unknown_fields)]
pub struct KernelFile {
    /// What it is called. Several may share a name: reports tell of each by itself, and a published
    /// result of that name is compared with their sum.
    pub name: String,
    /// How often it runs. Default 1.
    #[serde(default = "one")]
    pub times: u64,
    /// What it does.
    pub work: Work,
}

/// What a kernel does. Operands and results lie in main memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Work {
    /// `batch` products C\[m, n\] = A\[m, k\] · B\[k, n\], each with operands of its own.
    Gemm {
        /// Rows of A and C.
        m: u64,
        /// Columns of A, rows of B.
        k: u64,
        /// Columns of B and C.
        n: u64,
        /// How many. Default 1.
        #[serde(default = "one")]
        batch: u64,
        /// Bits of an element of C. Default: those of the activations.
        #[serde(default)]
        result_bits: Option<u64>,
    },
    /// Work of the vector unit.
    Vector {
        /// Which, as machine files name it: `softmax`, `layer_norm`.
        kind: VectorKind,
        /// Rows, over each of which a reduction runs.
        rows: u64,
        /// Elements of a row.
        width: u64,
    },
    /// An all-reduce over a ring of equal machines, on the machine's link.
    AllReduce {
        /// Bytes that each machine holds.
        bytes: u64,
        /// How many machines.
        machines: u64,
    },
}

const fn one() -> u64 {
    1
}

/// No list, repetition or machine count is longer.
const MOST: u64 = 1 << 24;

/// A checked list of kernels.
#[derive(Clone, Debug)]
pub struct KernelList {
    /// Tokens that it makes; `None` if it makes none.
    pub tokens: Option<u64>,
    /// Layers that it goes through.
    pub layers: u64,
    /// The kernels, in order.
    pub kernels: Vec<Kernel>,
}

/// A checked kernel.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What it is called.
    pub name: String,
    /// How often it runs.
    pub times: u64,
    /// What it does.
    pub work: KernelWork,
}

impl Kernel {
    /// An error at a field of the kernel's workload, as one at a field of the list: formats are
    /// said for the whole list, all else is the work of this kernel, at its place in the list.
    pub(super) fn field(&self, index: usize, error: FieldError) -> FieldError {
        let path = if error.path.starts_with("precision") {
            error.path.clone()
        } else {
            format!("kernels[{index}].work")
        };
        FieldError { path, ..error }
    }
}

/// What a kernel does, as it is run.
#[derive(Clone, Debug)]
pub enum KernelWork {
    /// On the machine: a matrix product, or work of the vector unit.
    Machine {
        /// As the compiler takes it.
        workload: Box<Workload>,
        /// Whether it is a matrix product.
        gemm: bool,
    },
    /// On the link.
    AllReduce {
        /// Bytes that each machine holds.
        bytes: u64,
        /// How many machines.
        machines: u64,
    },
}

/// Checks a list of kernels.
///
/// # Errors
/// At the field that cannot stand, with what would be right.
pub fn resolve(file: &KernelsFile) -> Result<KernelList, FieldError> {
    if let Some(tokens) = file.tokens {
        counted("tokens", tokens)?;
    }
    counted("layers", file.layers)?;
    if file.kernels.is_empty() {
        return Err(FieldError::new("kernels", "no kernels").help("at least one"));
    }
    let kernel = |(index, kernel): (usize, &KernelFile)| {
        resolve_kernel(kernel, file.precision)
            .map_err(|error| error.inside(format_args!("kernels[{index}]")))
    };
    Ok(KernelList {
        tokens: file.tokens,
        layers: file.layers,
        kernels: file
            .kernels
            .iter()
            .enumerate()
            .map(kernel)
            .collect::<Result<_, _>>()?,
    })
}

fn resolve_kernel(kernel: &KernelFile, precision: PrecisionFile) -> Result<Kernel, FieldError> {
    if kernel.name.trim().is_empty() {
        return Err(FieldError::new("name", "a kernel without a name")
            .help("reports and golden files call it by its name"));
    }
    counted("times", kernel.times)?;
    Ok(Kernel {
        name: kernel.name.clone(),
        times: kernel.times,
        work: resolve_work(kernel.work, precision)?,
    })
}

fn resolve_work(work: Work, precision: PrecisionFile) -> Result<KernelWork, FieldError> {
    let all_counted = |fields: &[(&str, u64)]| {
        let mut fields = fields.iter();
        fields
            .try_for_each(|&(field, value)| counted(field, value))
            .map_err(|error| error.inside("work"))
    };
    match work {
        Work::Gemm {
            m,
            k,
            n,
            batch,
            result_bits,
        } => {
            all_counted(&[("m", m), ("k", k), ("n", n), ("batch", batch)])?;
            let layer = DenseLayer {
                count: batch,
                stored: true,
                result_bits,
                ..DenseLayer::new(k, n)
            };
            Ok(KernelWork::Machine {
                workload: Box::new(workload(m, layer, precision)?),
                gemm: true,
            })
        }
        Work::Vector { kind, rows, width } => {
            all_counted(&[("rows", rows), ("width", width)])?;
            let layer = DenseLayer {
                stored: true,
                vector: Some(kind),
                ..DenseLayer::new(width, width)
            };
            Ok(KernelWork::Machine {
                workload: Box::new(workload(rows, layer, precision)?),
                gemm: false,
            })
        }
        Work::AllReduce { bytes, machines } => {
            all_counted(&[("machines", machines)])?;
            Ok(KernelWork::AllReduce { bytes, machines })
        }
    }
}

fn counted(field: &str, value: u64) -> Result<(), FieldError> {
    if (1..=MOST).contains(&value) {
        return Ok(());
    }
    Err(FieldError::new(field, format!("{value}")).help(format!("from 1 to {MOST}")))
}

/// A kernel as a workload of one dense layer.
fn workload(
    rows: u64,
    layer: DenseLayer,
    precision: PrecisionFile,
) -> Result<Workload, FieldError> {
    let file = WorkloadFile {
        precision,
        beyond_max_context: true,
        ..WorkloadFile::new(ModelChoice::Dense(vec![layer]), Run::prefill(rows))
    };
    workload_compiler::resolve(&file, |path| Err(format!("no file `{path}`"))).map_err(|error| {
        // Formats are said for the whole list, all else is the work of this kernel.
        let path = if error.path.starts_with("precision") {
            error.path
        } else {
            "work".to_owned()
        };
        FieldError { path, ..error }
    })
}
