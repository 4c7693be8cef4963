//! Runs of many forms: sequences at contexts of their own, prompts in chunks, weights that stay on
//! chip, and every format of weights and caches, byte by byte.

use crate::support::{
    TERNARY, check, cloud, compile, edge, hybrid, model, run_all_ways, single, with_arrays,
    workload,
};
use quantities::Bytes;
use tile_program::{Family, Operator, Pass, Program, Target, Work, in_turn};
use workload_compiler::{
    CompileError, CompiledProgram, Concern, Format, Lengths, Lister, MaskedKeys, Model, Packing,
    Run, Weights, Workload,
};

fn one_layer(name: &str) -> Model {
    let mut model = model(name);
    model.layers = 1;
    model
}

/// A model of which a cloud machine holds all weights.
fn small() -> Model {
    let mut model = model("qwen3-0.6b");
    (model.layers, model.vocab) = (2, 2000);
    model
}

fn compiled(workload: &Workload, target: &Target) -> CompiledProgram {
    compile(workload.clone(), target).unwrap_or_else(|error| panic!("{error}"))
}

/// Bytes that the operations of an operator load and store in a pass.
fn moved(pass: Pass, operator: &str, target: &Target) -> (u64, u64) {
    let mut bytes = (0, 0);
    for instruction in in_turn(pass.streams) {
        if let Work::Transfer(tile) = instruction.work
            && pass.operations[instruction.operation.index()]
                .name
                .operator
                .name()
                == operator
        {
            let payload = tile.region.bytes().get();
            if instruction.unit == target.load {
                bytes.0 += payload;
            } else {
                bytes.1 += payload;
            }
        }
    }
    bytes
}

/// Bytes that GEMMs with weights load, pass by pass.
fn weights_loaded(mut program: CompiledProgram, target: &Target) -> Vec<u64> {
    let mut loaded = Vec::new();
    while let Some(pass) = program.next_pass() {
        let mut bytes = 0;
        for instruction in in_turn(pass.streams) {
            let operation = &pass.operations[instruction.operation.index()];
            if let Work::Transfer(tile) = instruction.work
                && instruction.unit == target.load
                && tile.scratchpad == tile_program::ScratchpadId::Weights
                && matches!(operation.family, Some(Family::Projection | Family::LmHead))
            {
                bytes += tile.region.bytes().get();
            }
        }
        loaded.push(bytes);
    }
    loaded
}

#[test]
fn each_sequence_reads_the_keys_of_its_own_context_and_no_others() {
    let contexts = vec![1000, 300, 300, 77];
    let run = Run::Decode {
        context: Lengths::Each(contexts.clone()),
    };
    let target = edge();
    let workload = workload(one_layer("llama-3-8b"), run, TERNARY);
    let mut program = compiled(&workload, &target);
    let pass = program.next_pass().unwrap();
    assert_eq!((pass.name.as_str(), pass.tokens), ("decode@77-1000", 4));
    let scores: Vec<_> = pass
        .operations
        .iter()
        .filter(|operation| operation.name.operator == Operator::Scores)
        .map(|operation| (operation.name.to_string(), operation.gemm.unwrap()))
        .map(|(name, gemm)| (name, gemm.n, gemm.count))
        .collect();
    let name = |name: &str, n, count| (format!("layers.0.scores[{name}]"), n, count);
    assert_eq!(
        scores,
        [name("0", 1000, 8), name("1-2", 300, 16), name("3", 77, 8)]
    );
    let past: u64 = contexts.iter().map(|context| context - 1).sum();
    assert_eq!(moved(pass, "scores", &target), (past * 8 * 128 * 2, 0));
    check(&mut compiled(&workload, &target), false);
}

#[test]
fn caches_take_the_room_of_each_sequence_and_no_more() {
    let footprint = |contexts: Vec<u64>| {
        let run = Run::Decode {
            context: Lengths::Each(contexts),
        };
        let workload = workload(one_layer("llama-3-8b"), run, TERNARY);
        compiled(&workload, &edge()).footprint().get()
    };
    let position = 2 * 8 * 128 * 2;
    let (long, short) = (footprint(vec![4000, 1000]), footprint(vec![2000, 1000]));
    assert_eq!(long - short, 2000 * position);
}

#[test]
fn a_list_of_equal_contexts_is_a_batch() {
    let target = edge();
    let mut workload = workload(one_layer("bitnet-b1.58-2b-4t"), Run::decode(64), TERNARY);
    workload.batch = 3;
    let mut batch = compiled(&workload, &target);
    workload.batch = 1;
    workload.run = Run::Decode {
        context: Lengths::Each(vec![64; 3]),
    };
    let mut list = compiled(&workload, &target);
    let (a, b) = (batch.next_pass().unwrap(), list.next_pass().unwrap());
    assert_eq!(a.operations, b.operations);
    assert!(in_turn(a.streams).eq(in_turn(b.streams)));
}

#[test]
fn chunks_see_what_came_before_and_only_the_last_goes_to_the_head() {
    let target = edge();
    let mut model = one_layer("bitnet-b1.58-2b-4t");
    model.vocab = 3000;
    let mut whole = workload(model, Run::prefill(300), TERNARY);
    whole.masked_keys = MaskedKeys::Compute;
    let mut chunked = whole.clone();
    chunked.run = Run::Prefill {
        tokens: 300.into(),
        chunk: Some(128),
    };
    let mut program = compiled(&chunked, &target);
    let mut seen = Vec::new();
    while let Some(pass) = program.next_pass() {
        let operation = |name: &str| {
            pass.operations
                .iter()
                .find(|o| o.name.operator.name() == name)
        };
        let scores = operation("scores").unwrap();
        let (gemm, head) = (scores.gemm.unwrap(), operation("lm_head").is_some());
        seen.push((pass.name.clone(), pass.tokens, gemm.n, head));
        // Keys and values of the chunks before are read again at least once.
        let past = gemm.n - gemm.m / 4;
        assert!(scores.compulsory_read.get() >= past * 5 * 128 * 2);
        in_turn(pass.streams).for_each(drop);
    }
    let name = |name: &str, tokens, keys, head| (name.to_owned(), tokens, keys, head);
    assert_eq!(
        seen,
        [
            name("prefill(128)", 128, 128, false),
            name("prefill(128 after 128)", 128, 256, false),
            name("prefill(44 after 256)", 44, 300, true),
        ]
    );
    let macs = |workload: &Workload| {
        let mut lister = Lister::new(compiled(workload, &target));
        let mut macs = (0, 0);
        while let Some(pass) = lister.next_pass(|_, _| {}) {
            for operation in &pass.operations {
                match operation.operator.name() {
                    "scores" | "context" => macs.0 += operation.macs,
                    _ => macs.1 += operation.macs,
                }
            }
        }
        macs
    };
    let (attention, rest) = macs(&whole);
    let (chunked_attention, chunked_rest) = macs(&chunked);
    assert_eq!(chunked_rest, rest);
    // Even with the mask computed, a chunk does not compute what lies ahead of it.
    assert!(chunked_attention < attention);
    check(&mut compiled(&chunked, &target), false);
}

#[test]
fn a_mixed_pass_decodes_and_prefills_and_heads_only_what_decodes() {
    let target = edge();
    let run = Run::Mixed {
        decode: Lengths::Each(vec![500, 20]),
        prefill: 64,
        after: 100,
    };
    let mut model = one_layer("bitnet-b1.58-2b-4t");
    model.vocab = 3000;
    let workload = workload(model, run, TERNARY);
    let mut program = compiled(&workload, &target);
    let pass = program.next_pass().unwrap();
    assert_eq!(pass.name, "mixed(64 after 100, decode@20-500)");
    assert_eq!((pass.tokens, workload.tokens()), (66, 66));
    let gemm = |name: &str| {
        let operation = pass
            .operations
            .iter()
            .find(|o| o.name.operator.name() == name);
        operation.unwrap().gemm.unwrap()
    };
    assert_eq!((gemm("q_proj").m, gemm("lm_head").m), (66, 2));
    drop(pass);
    check(&mut compiled(&workload, &target), false);
    run_all_ways(compiled(&workload, &target));
}

#[test]
fn weights_that_fit_are_loaded_once_in_a_run() {
    let target = cloud();
    let mut workload = workload(small(), Run::generate(20, 3), TERNARY);
    workload.weights = Weights::Streamed;
    let streamed = weights_loaded(compiled(&workload, &target), &target);
    assert!(streamed.iter().all(|&bytes| bytes == streamed[0]));
    workload.weights = Weights::Kept;
    let program = compiled(&workload, &target);
    let kept = program.kept();
    assert!(!kept.warm);
    assert_eq!(weights_loaded(program, &target), [streamed[0], 0, 0, 0]);
    workload.weights = Weights::Warm;
    let program = compiled(&workload, &target);
    assert_eq!(program.kept().bytes, kept.bytes);
    assert_eq!(weights_loaded(program, &target), [0; 4]);
    for weights in [Weights::Streamed, Weights::Kept, Weights::Warm] {
        workload.weights = weights;
        check(&mut compiled(&workload, &target), false);
        run_all_ways(compiled(&workload, &target));
    }
}

#[test]
fn as_many_weights_stay_as_fit_beside_the_rest() {
    let mut workload = workload(small(), Run::generate(20, 3), TERNARY);
    let mut loads = Vec::new();
    for kib in [64, 512, 1024, 4096, 16384] {
        let target = hybrid(64, [256, kib, 128]);
        let program = compiled(&workload, &target);
        assert!(program.kept().bytes < target.scratchpads[1].capacity);
        let bytes: u64 = weights_loaded(program, &target).iter().sum();
        loads.push(bytes);
        check(&mut compiled(&workload, &target), false);
    }
    assert!(loads.is_sorted_by(|a, b| a >= b), "{loads:?}");
    assert!(loads[3] < loads[0], "{loads:?}");
    // One decoded token on its own loads what it uses, unless it is said to be one amid many.
    workload.run = Run::decode(20);
    assert_eq!(compiled(&workload, &cloud()).kept().bytes, Bytes(0));
}

#[test]
fn weights_move_at_the_width_of_their_format() {
    let bf16 = single(64, [256, 512, 128], 16);
    let mut arrays = bf16.arrays.clone();
    for array in &mut arrays {
        array.numbers = tile_program::Numbers::Fp16;
    }
    let fp16 = with_arrays(&bf16, arrays);
    let packed = |packing| Format::Ternary { packing };
    for (format, tenths) in [
        (Format::Binary, 10),
        (packed(Packing::FiveTritsPerByte), 16),
        (packed(Packing::TwoBits), 20),
        (Format::Int4, 40),
        (Format::Int8, 80),
        (Format::Bf16, 160),
        (Format::Fp16, 160),
    ] {
        let mut workload = workload(one_layer("bitnet-b1.58-2b-4t"), Run::decode(40), format);
        let mut target = bf16.clone();
        if format == Format::Fp16 {
            target = fp16.clone();
            let precision = &mut workload.precision;
            (precision.attention, precision.kv_cache) = (format, format);
            (precision.lm_head, precision.activation) = (format, format);
        }
        let pass = compiled(&workload, &target).next_pass().unwrap();
        let bytes = 2560 * 2560 * tenths / 80;
        let o = pass
            .operations
            .iter()
            .find(|o| o.name.operator.name() == "o_proj");
        assert_eq!(o.unwrap().compulsory_read.get(), bytes, "{format}");
        assert_eq!(moved(pass, "o_proj", &target).0, bytes, "{format}");
    }
}

#[test]
fn keys_and_values_move_at_the_width_of_their_cache() {
    let target = edge();
    for (format, bits) in [(Format::Int4, 4), (Format::Int8, 8), (Format::Bf16, 16)] {
        let run = Run::decode(1000);
        let mut workload = workload(one_layer("bitnet-b1.58-2b-4t"), run, TERNARY);
        workload.precision.kv_cache = format;
        let row = 5 * 128 * bits / 8;
        for (operator, expected) in [
            ("scores", (999 * row, 0)),
            ("context", (999 * row, 0)),
            ("kv_append", (0, 2 * row)),
        ] {
            let pass = compiled(&workload, &target).next_pass().unwrap();
            let found = pass
                .operations
                .iter()
                .find(|o| o.name.operator.name() == operator);
            let found = found.unwrap();
            let least = (found.compulsory_read.get(), found.compulsory_write.get());
            assert_eq!(least, expected, "{operator} in {format}");
            assert_eq!(moved(pass, operator, &target), expected, "{operator}");
        }
        // What enters a narrow cache is quantised first, in activations of 16 and of 8 bits alike.
        for activation in [Format::Bf16, Format::Int8] {
            workload.precision.activation = activation;
            let pass = compiled(&workload, &target).next_pass().unwrap();
            let quantised = pass
                .operations
                .iter()
                .any(|o| o.name.operator == Operator::KeyQuantise);
            assert_eq!(
                quantised,
                bits < activation.bits(),
                "{format}, {activation}"
            );
            in_turn(pass.streams).for_each(drop);
            check(&mut compiled(&workload, &target), false);
        }
    }
}

#[test]
fn a_batch_beyond_the_memory_says_how_many_sequences_fit() {
    let mut target = edge();
    target.memory.capacity = Some(Bytes(1 << 30));
    let mut workload = workload(one_layer("llama-3-8b"), Run::decode(2000), TERNARY);
    workload.model.vocab = 3000;
    workload.batch = 1000;
    let Err(error) = compile(workload.clone(), &target) else {
        panic!("a gigabyte does not hold a thousand caches");
    };
    let CompileError::BatchTooLarge { fits, .. } = error else {
        panic!("{error}");
    };
    let (concern, field) = error.field();
    assert_eq!((concern, &field.path[..]), (Concern::Workload, "batch"));
    assert!(field.help.unwrap().contains(&format!("at most {fits}")));
    workload.batch = fits;
    compiled(&workload, &target);
    workload.batch = fits + 1;
    assert!(compile(workload, &target).is_err());
}

#[test]
fn operations_wait_for_those_whose_results_they_read() {
    let target = edge();
    let workload = workload(one_layer("bitnet-b1.58-2b-4t"), Run::decode(40), TERNARY);
    let mut lister = Lister::new(compiled(&workload, &target));
    let pass = lister.next_pass(|_, _| {}).unwrap();
    let operators = pass.operators();
    let waits = |name: &str| {
        let found = operators.iter().find(|operator| operator.name == name);
        found.unwrap().waits_for.join(" ")
    };
    assert_eq!(waits("embedding"), "");
    assert_eq!(waits("up_proj"), "ffn_quantise");
    assert_eq!(waits("softmax"), "scores");
    assert_eq!(waits("kv_append"), "k_rotary v_proj_dequantise");
    assert!(waits("context").contains("softmax"));
    assert_eq!(waits("attention_residual"), "embedding o_proj_dequantise");
    // The listing's bytes are those of the program.
    let total = pass.total();
    let found = check(&mut compiled(&workload, &target), false);
    assert_eq!(total.bytes_loaded.get(), found.loaded);
    assert_eq!(total.macs, found.macs);
    assert_eq!(total.instructions, found.instructions);
}
