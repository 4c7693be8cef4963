//! What the published account counts as zero, each as a share.

use attribution::OperatorSummary;
use tile_program::{Class, OperatorRole, Role};
use workload_compiler::Run;

use super::models::{Pair, pairs, shares_of};
use super::parts::{PARTS, bytes, is_attention, makespan, share};
use super::{Bench, Case, Chapter, Rank};
use crate::figure::Drawn;
use crate::setting::ReproduceError;
use crate::sheet::{Value, percent};
use simulator::RunRecord;

/// Work that the published account leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overhead {
    Softmax,
    Norms,
    Quantisation,
    ElementWise,
    LmHead,
    Transfers,
}

const OVERHEADS: [Overhead; 6] = [
    Overhead::Softmax,
    Overhead::Norms,
    Overhead::Quantisation,
    Overhead::ElementWise,
    Overhead::LmHead,
    Overhead::Transfers,
];

impl Overhead {
    const fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Norms => "norms",
            Self::Quantisation => "(de)quantise",
            Self::ElementWise => "element-wise",
            Self::LmHead => "LM head",
            Self::Transfers => "transfers",
        }
    }
}

/// What an operator is to the published account; `None` for what it counts.
fn overhead(operator: &OperatorSummary) -> Option<Overhead> {
    match operator.class {
        Class::MatMulFree => None,
        Class::MatMul if is_attention(operator) => None,
        Class::MatMul => Some(Overhead::LmHead),
        Class::Transfer => Some(Overhead::Transfers),
        Class::Vector => Some(match operator.operator.role() {
            OperatorRole::Quantisation => Overhead::Quantisation,
            OperatorRole::Softmax => Overhead::Softmax,
            OperatorRole::Norm => Overhead::Norms,
            _ => Overhead::ElementWise,
        }),
    }
}

/// F as the published account has it: of projections and attention alone.
fn published_fraction(run: &RunRecord) -> f64 {
    let free = makespan(&run.summary, |each| each.class == Class::MatMulFree).get();
    let attention = makespan(&run.summary, is_attention).get();
    free as f64 / (free + attention).max(1) as f64
}

const RUNS: [Run; 2] = [Run::decode(4096), Run::prefill(64)];

const TEXT: &str = "What the published account counts as zero, each as a share of the makespan \
(what is hidden behind other work costs nothing and is in no share; `vector busy` is all that the \
vector unit works, hidden or not). `element-wise`: activations, gates, rotary embeddings, biases, \
residual sums. `transfers`: embedding rows, appends to the cache, states. `KV bytes` is the share of \
keys and values in main-memory traffic, `KV waits` the share of the makespan that attention would \
save with an ideal memory. `F, GEMMs` is the published F, of projections and attention alone.";

pub(super) fn chapter(bench: &mut Bench) -> Result<Chapter, ReproduceError> {
    let (pairs, mut findings) = pairs(bench, &RUNS)?;
    let mut table = Case::table(&[
        ("softmax_share", "softmax"),
        ("norm_share", "norms"),
        ("quantisation_share", "(de)quantise"),
        ("element_wise_share", "element-wise"),
        ("lm_head_share", "LM head"),
        ("transfer_share", "transfers"),
        ("vector_busy_share", "vector busy"),
        ("kv_byte_share", "KV bytes"),
        ("kv_wait_share", "KV waits"),
        ("gemm_matmul_free_share", "F, GEMMs"),
        ("matmul_free_share", "F, all"),
    ]);
    let (mut most_vector, mut most_head, mut most_over) = (0.0_f64, 0.0_f64, 0.0_f64);
    for pair in &pairs {
        let mut row: Vec<_> = shares(pair).into_iter().map(Value::Share).collect();
        let real = makespan(&pair.real.summary, is_attention).get();
        let ideal = makespan(&pair.ideal.summary, is_attention).get();
        let waits = real.saturating_sub(ideal) as f64;
        let fraction = pair.real.amdahl().fraction();
        row.extend([
            Value::Share(pair.real.busy_of(Role::Vector)),
            Value::Share(bytes(&pair.real, is_attention)),
            Value::Share(waits / pair.real.summary.total.get().max(1) as f64),
            Value::Share(published_fraction(&pair.real)),
            Value::Share(fraction),
        ]);
        table.push(pair.case.cells(row));
        let vector = share(&pair.real, |operator| operator.class == Class::Vector);
        let head = share(&pair.real, |each| overhead(each) == Some(Overhead::LmHead));
        most_vector = most_vector.max(vector);
        most_head = most_head.max(head);
        most_over = most_over.max(published_fraction(&pair.real) - fraction);
    }
    findings.push(format!(
        "{} holds up to {} of the makespan and the vector unit up to {}: what the published account \
         leaves out moves F by up to {:.1} points.",
        PARTS[2],
        percent(most_head),
        percent(most_vector),
        100.0 * most_over
    ));
    let title = "What is counted as zero (share of the makespan)";
    let chart = shares_of(bench, &pairs, title, &OVERHEADS.map(Overhead::name), shares);
    let caption = "What the published account counts as zero, as a share of the makespan. What is left \
                   of each bar is projections and attention.";
    let figures = vec![Drawn::new("overheads", caption, &chart)?];
    Ok(Chapter {
        name: "overheads",
        rank: Rank::Question,
        title: bench.title("What is counted as zero, and what it costs"),
        text: TEXT.into(),
        table,
        findings,
        figures,
    })
}

/// The share of each overhead.
fn shares(pair: &Pair) -> Vec<f64> {
    let of = |kind| share(&pair.real, |operator| overhead(operator) == Some(kind));
    OVERHEADS.map(of).into()
}
