//! The shipped models: their shapes against the reference table, and each of them compiled for
//! small and big machines.

use crate::support::{TERNARY, check, cloud, compile, edge, model, run_all_ways, single, workload};
use serde::Deserialize;
use tile_program::{Class, Operator, Program, VectorKind, Work, in_turn};
use workload_compiler::{Format, Heads, Operators, Run, find, models};

const REFERENCE: &str = include_str!("models.csv");

/// The columns of the reference table that a shape must reproduce.
#[derive(Deserialize)]
struct Reference {
    name: String,
    layers: u64,
    d_model: u64,
    n_heads: u64,
    n_kv_heads: u64,
    head_dim: u64,
    d_ff: u64,
    vocab: u64,
    max_context: u64,
    block_linear_params: u64,
    embedding_params: u64,
    lm_head_params: u64,
    total_params_approx: u64,
}

#[test]
fn the_shapes_of_all_models_come_to_the_reference_parameter_counts() {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .from_reader(REFERENCE.as_bytes());
    let rows: Vec<Reference> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 59);
    assert_eq!(models().len(), rows.len());
    for (preset, row) in models().iter().zip(rows) {
        let model = &preset.model;
        assert_eq!(model.name, row.name);
        let shape = [
            model.layers,
            model.d_model,
            model.n_heads,
            model.n_kv_heads,
            model.head_dim,
            model.d_ff,
            model.vocab,
            model.max_context,
        ];
        let expected = [
            row.layers,
            row.d_model,
            row.n_heads,
            row.n_kv_heads,
            row.head_dim,
            row.d_ff,
            row.vocab,
            row.max_context,
        ];
        assert_eq!(shape, expected, "{}", row.name);
        assert_eq!(
            model.block_weights(),
            Some(row.block_linear_params),
            "{}",
            row.name
        );
        assert_eq!(
            model.embedding_weights(),
            Some(row.embedding_params),
            "{}",
            row.name
        );
        assert_eq!(
            model.lm_head_weights(),
            Some(row.lm_head_params),
            "{}",
            row.name
        );
        assert_eq!(
            model.weights(),
            Some(row.total_params_approx),
            "{}",
            row.name
        );
    }
}

#[test]
fn one_decoded_token_of_every_model_compiles_for_every_machine() {
    for preset in models() {
        let mut small = preset.model.clone();
        small.layers = 2;
        for target in [edge(), cloud()] {
            let run = Run::decode(300);
            let mut program = compile(workload(small.clone(), run, TERNARY), &target)
                .unwrap_or_else(|error| panic!("{}: {error}", preset.slug));
            let found = check(&mut program, false);
            assert_eq!(found.tokens, 1, "{}", preset.slug);
        }
    }
}

#[test]
fn a_prefill_of_every_model_compiles_for_every_machine() {
    for preset in models() {
        let mut small = preset.model.clone();
        small.layers = 1;
        for target in [edge(), cloud()] {
            let run = Run::prefill(130);
            let mut program = compile(workload(small.clone(), run, TERNARY), &target)
                .unwrap_or_else(|error| panic!("{}: {error}", preset.slug));
            check(&mut program, false);
        }
    }
}

#[test]
fn whole_programs_of_real_models_run_in_any_order() {
    let target = edge();
    for (name, run) in [
        ("bitnet-b1.58-2b-4t", Run::decode(2048)),
        ("gpt2-124m", Run::prefill(128)),
        ("matmul-free-lm-370m", Run::generate(20, 2)),
    ] {
        let mut model = model(name);
        model.layers = 2;
        model.vocab = 5000;
        let workload = workload(model, run, TERNARY);
        check(&mut compile(workload.clone(), &target).unwrap(), true);
        run_all_ways(compile(workload, &target).unwrap());
    }
}

#[test]
fn a_decoded_token_reads_each_weight_and_each_cached_vector_once() {
    let model = model("llama-2-7b");
    let weights = model.block_weights().unwrap() + model.lm_head_weights().unwrap() * 2;
    let cache = model.layers * model.kv_width() * 2 * 2 * 2047;
    let run = Run::decode(2048);
    let target = single(128, [1024, 2048, 512], 16);
    let mut program = compile(workload(model, run, Format::Int8), &target).unwrap();
    let found = check(&mut program, false);
    let embedding = 4096 * 2;
    assert_eq!(found.loaded, weights + cache + embedding);
}

#[test]
fn the_accounting_of_the_paper_is_expressible() {
    // K·q of each head is a GEMM of its own, projections are d × d, nothing else is counted.
    let mut model = find("opt-350m").unwrap().model.clone();
    model.layers = 1;
    let run = Run::decode(512);
    let mut workload = workload(model, run, Format::Int8);
    workload.operators = Operators::BlockGemms;
    workload.heads = Heads::Separate;
    for format in [
        &mut workload.precision.attention,
        &mut workload.precision.kv_cache,
        &mut workload.precision.activation,
    ] {
        *format = Format::Int8;
    }
    let target = single(32, [8 << 10, 8 << 10, 8 << 10], 8);
    let mut program = compile(workload, &target).unwrap();
    let pass = program.next_pass().unwrap();
    let shapes: Vec<_> = pass
        .operations
        .iter()
        .map(|operation| {
            let gemm = operation.gemm.expect("only GEMMs are counted");
            (
                operation.name.operator.name(),
                gemm.m,
                gemm.n,
                gemm.k,
                gemm.count,
            )
        })
        .collect();
    assert_eq!(
        shapes,
        [
            ("q_proj", 1, 1024, 1024, 1),
            ("k_proj", 1, 1024, 1024, 1),
            ("v_proj", 1, 1024, 1024, 1),
            ("scores", 1, 512, 64, 16),
            ("context", 1, 64, 512, 16),
            ("o_proj", 1, 1024, 1024, 1),
            ("up_proj", 1, 4096, 1024, 1),
            ("down_proj", 1, 1024, 4096, 1),
        ]
    );
    let classes: Vec<_> = pass
        .operations
        .iter()
        .map(|operation| operation.class)
        .collect();
    assert_eq!(
        classes
            .iter()
            .filter(|class| **class == Class::MatMul)
            .count(),
        2
    );
    // Cuts fall on whole heights and widths of the weight stationary array: folds are those of the
    // whole GEMM.
    for instruction in in_turn(pass.streams) {
        if let Work::Gemm(tile) = instruction.work {
            let whole = pass.operations[instruction.operation.index()].gemm.unwrap();
            assert!(tile.k == whole.k || tile.k.is_multiple_of(32), "{tile:?}");
            assert!(tile.n == whole.n || tile.n.is_multiple_of(32), "{tile:?}");
        }
    }
}

#[test]
fn small_heads_share_a_tile() {
    let run = Run::decode(64);
    let mut small = model("gpt2-124m");
    small.layers = 1;
    let target = edge();
    let mut program = compile(workload(small, run, TERNARY), &target).unwrap();
    let pass = program.next_pass().unwrap();
    let scores: Vec<_> = in_turn(pass.streams)
        .filter_map(|instruction| match instruction.work {
            Work::Gemm(tile)
                if pass.operations[instruction.operation.index()].name.operator
                    == Operator::Scores =>
            {
                Some((tile.m, tile.n, tile.k, tile.repeat))
            }
            _ => None,
        })
        .collect();
    // Two tiles of six heads each: the second one's keys come while the first is computed.
    assert_eq!(scores, [(1, 64, 64, 6); 2]);
}

#[test]
fn weights_are_fetched_ahead_while_other_units_work() {
    // A layer's first weights wait for nobody but the buffers that they fill.
    let run = Run::decode(512);
    let target = edge();
    let mut program =
        compile(workload(model("bitnet-b1.58-2b-4t"), run, TERNARY), &target).unwrap();
    let pass = program.next_pass().unwrap();
    for instruction in in_turn(pass.streams) {
        let operation = &pass.operations[instruction.operation.index()];
        if operation.class == Class::MatMulFree && instruction.unit == target.load {
            for wait in &instruction.waits {
                assert_eq!(
                    wait.reason,
                    tile_program::WaitReason::Buffer,
                    "{}",
                    operation.name
                );
            }
        }
    }
}

#[test]
fn a_program_is_the_same_each_time() {
    let workload = workload(model("qwen3-0.6b"), Run::generate(9, 2), TERNARY);
    let target = edge();
    let mut first = compile(workload.clone(), &target).unwrap();
    let mut second = compile(workload, &target).unwrap();
    while let Some(a) = first.next_pass() {
        let b = second.next_pass().unwrap();
        assert_eq!(a.operations, b.operations);
        assert!(in_turn(a.streams).eq(in_turn(b.streams)));
    }
}

#[test]
fn a_pass_that_is_dropped_early_leaves_the_next_one_right() {
    let workload = workload(model("qwen3-0.6b"), Run::generate(9, 2), TERNARY);
    let target = edge();
    let mut whole = compile(workload.clone(), &target).unwrap();
    let mut dropped = compile(workload, &target).unwrap();
    in_turn(whole.next_pass().unwrap().streams).for_each(drop);
    drop(in_turn(dropped.next_pass().unwrap().streams).next());
    let (a, b) = (whole.next_pass().unwrap(), dropped.next_pass().unwrap());
    assert!(in_turn(a.streams).eq(in_turn(b.streams)));
}

#[test]
fn the_vector_work_of_bitnet_is_what_its_published_layer_does() {
    // Elements of one token in one layer (microsoft/BitNet gpu/model.py: d = 2560, keys 640 wide,
    // feed-forward 6912 wide).
    let expected = [
        (VectorKind::RmsNorm, 3 * 2560 + 6912),
        (VectorKind::Rotary, 2560 + 640),
        (VectorKind::Softmax, 20 * 100),
        (VectorKind::SquaredRelu, 6912),
        (VectorKind::Multiply, 6912),
        (VectorKind::Add, 2 * 2560),
        (VectorKind::Quantise, 3 * 2560 + 6912),
        (
            VectorKind::Dequantise,
            2560 + 2 * 640 + 2560 + 2 * 6912 + 2560,
        ),
    ];
    let mut model = model("bitnet-b1.58-2b-4t");
    model.layers = 1;
    let mut workload = workload(model, Run::decode(100), TERNARY);
    workload.operators = Operators::Blocks;
    let mut elements = [0_u64; VectorKind::ALL.len()];
    let mut program = compile(workload, &edge()).unwrap();
    for instruction in in_turn(program.next_pass().unwrap().streams) {
        if let Work::Vector(tile) = instruction.work {
            elements[tile.kind as usize] += tile.elements;
        }
    }
    for kind in VectorKind::ALL {
        let known = expected.iter().find(|(known, _)| *known == kind);
        assert_eq!(
            elements[kind as usize],
            known.map_or(0, |(_, count)| *count),
            "{kind:?}"
        );
    }
}

#[test]
fn generate_is_a_prompt_and_then_tokens_each_at_its_own_context() {
    let mut model = model("gpt2-124m");
    model.layers = 1;
    let run = Run::generate(10, 3);
    let mut program = compile(workload(model, run, TERNARY), &edge()).unwrap();
    assert_eq!(program.passes(), 4);
    let mut seen = Vec::new();
    while let Some(pass) = program.next_pass() {
        let scores = pass
            .operations
            .iter()
            .find(|o| o.name.operator == Operator::Scores)
            .unwrap();
        seen.push((pass.name.clone(), pass.tokens, scores.gemm.unwrap().n));
    }
    let name = |name: &str, tokens, keys| (name.to_owned(), tokens, keys);
    assert_eq!(
        seen,
        [
            name("prefill(10)", 0, 10),
            name("decode@11", 1, 11),
            name("decode@12", 1, 12),
            name("decode@13", 1, 13),
        ]
    );
}

#[test]
fn query_heads_that_share_keys_read_them_once() {
    for heads in [Heads::Grouped, Heads::Separate] {
        let mut model = model("llama-3-8b");
        model.layers = 1;
        let mut workload = workload(model, Run::decode(1000), TERNARY);
        workload.heads = heads;
        let target = edge();
        let mut program = compile(workload, &target).unwrap();
        let pass = program.next_pass().unwrap();
        let mut loaded = 0;
        let mut shape = None;
        for instruction in in_turn(pass.streams) {
            let operation = &pass.operations[instruction.operation.index()];
            if operation.name.operator == Operator::Scores {
                shape = operation.gemm.map(|gemm| (gemm.m, gemm.count));
                if let Work::Transfer(tile) = instruction.work {
                    loaded += tile.region.bytes().get();
                }
            }
        }
        assert_eq!(loaded, 999 * 8 * 128 * 2);
        let expected = if heads == Heads::Grouped {
            (4, 8)
        } else {
            (1, 32)
        };
        assert_eq!(shape, Some(expected));
    }
}
