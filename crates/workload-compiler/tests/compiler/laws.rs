//! What holds of every program: random models, runs and machines.

use crate::support::{
    TERNARY, check, compile, hybrid, model, run_all_ways, single, with_arrays, workload,
};
use proptest::prelude::*;
use tile_program::{
    ArrayTarget, CoreId, Dataflow, Network, Platform, Program, Target, UnitId, in_turn,
};
use workload_compiler::{
    Activation, Algorithm, CompileError, FeedForward, Format, Fusion, Heads, Lengths, MaskedKeys,
    Mixer, Model, Norm, NormPlacement, Operators, Packing, Position, Precision, Run, Softmax,
    Split, Weights, Workload, compile_every_chip,
};

fn norms() -> impl Strategy<Value = (Norm, NormPlacement, bool, bool, bool)> {
    (
        prop::sample::select(vec![Norm::LayerNorm, Norm::RmsNorm]),
        prop::sample::select(vec![
            NormPlacement::Pre,
            NormPlacement::Post,
            NormPlacement::Sandwich,
            NormPlacement::Parallel,
            NormPlacement::ParallelTwo,
        ]),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
}

prop_compose! {
    fn any_model()(
        layers in 1_u64..3,
        (n_kv_heads, group) in (1_u64..4, 1_u64..4),
        head_dim in prop::sample::select(vec![5_u64, 8, 16, 20, 64, 80]),
        wider in any::<bool>(),
        d_ff in 1_u64..700,
        recurrent in prop::bool::weighted(0.2),
        gated in any::<bool>(),
        activation in prop::sample::select(vec![Activation::Relu, Activation::SquaredRelu, Activation::Gelu, Activation::Silu]),
        (norm, norm_placement, sub_norms, linear_norms, qk_norm) in norms(),
        position in prop::sample::select(vec![Position::Learned, Position::Rotary, Position::None]),
        (qkv_bias, linear_bias, tied_embeddings) in any::<(bool, bool, bool)>(),
        vocab in 1_u64..1500,
        narrow in prop::bool::weighted(0.2),
        window in prop::option::weighted(0.3, 1_u64..60),
        global_every in prop::option::of(0_u64..3),
    ) -> Model {
        let n_heads = n_kv_heads * group;
        let d_model = n_heads * head_dim * (1 + u64::from(wider));
        // In-linear norms and a parallel feed-forward network do not occur together.
        let linear_norms = linear_norms && norm_placement == NormPlacement::Pre || recurrent;
        Model {
            name: "random".to_owned(),
            family: "random".to_owned(),
            layers, d_model, n_heads, n_kv_heads, head_dim, d_ff,
            mixer: if recurrent { Mixer::Mlgru } else { Mixer::Attention },
            feed_forward: if gated { FeedForward::Gated } else { FeedForward::Plain },
            activation, norm,
            norm_placement: if recurrent { NormPlacement::Pre } else { norm_placement },
            sub_norms, linear_norms, qk_norm, position,
            rotary_dim: if position == Position::Rotary { head_dim / 2 * 2 } else { 0 },
            qkv_bias, linear_bias, vocab, tied_embeddings,
            embedding_dim: if narrow { d_model / 2 } else { d_model },
            max_context: 4096,
            sliding_window: window,
            global_every,
            global_layers: Vec::new(),
            unrotated_layers: Vec::new(),
            published_precision: workload_compiler::PublishedPrecision::Bf16,
        }
    }
}

fn any_run() -> impl Strategy<Value = Run> {
    prop_oneof![
        (lengths(90), chunk()).prop_map(|(tokens, chunk)| Run::Prefill { tokens, chunk }),
        lengths(200).prop_map(|context| Run::Decode { context }),
        (lengths(40), 1_u64..4, chunk()).prop_map(|(prompt, tokens, chunk)| Run::Generate {
            prompt,
            tokens,
            chunk,
        }),
        (lengths(100), 1_u64..40, 0_u64..60).prop_map(|(decode, prefill, after)| Run::Mixed {
            decode,
            prefill,
            after,
        }),
    ]
}

/// One length for all sequences, or a few different ones.
fn lengths(most: u64) -> impl Strategy<Value = Lengths> {
    prop_oneof![
        3 => (1..most).prop_map(Lengths::Same),
        2 => prop::collection::vec(1..most, 1..4).prop_map(Lengths::Each),
    ]
}

fn chunk() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.4, 10_u64..60)
}

fn ternary(packing: Packing) -> Format {
    Format::Ternary { packing }
}

prop_compose! {
    fn any_precision(hybrid: bool)(
        projection in prop::sample::select(if hybrid {
            vec![Format::Binary, ternary(Packing::TwoBits), ternary(Packing::FiveTritsPerByte)]
        } else {
            vec![Format::Binary, ternary(Packing::TwoBits), ternary(Packing::FiveTritsPerByte), Format::Int4, Format::Int8, Format::Bf16]
        }),
        attention in prop::sample::select(vec![Format::Int4, Format::Int8, Format::Bf16]),
        lm_head in prop::sample::select(vec![ternary(Packing::TwoBits), Format::Int8, Format::Bf16]),
        kv_cache in prop::sample::select(vec![Format::Int4, Format::Int8, Format::Bf16]),
        activation in prop::sample::select(vec![Format::Int8, Format::Bf16]),
    ) -> Precision {
        let kv_cache = if kv_cache.bits() > attention.bits() { attention } else { kv_cache };
        Precision { projection, attention, lm_head, kv_cache, activation }
    }
}

prop_compose! {
    fn any_machine()(
        is_hybrid in any::<bool>(),
        // Narrower than a head, and wider.
        side in prop::sample::select(vec![2_u64, 4, 16, 24, 64]),
        dataflow in prop::sample::select(vec![Dataflow::OutputStationary, Dataflow::WeightStationary, Dataflow::InputStationary]),
        further in prop::collection::vec(prop::sample::select(vec![4_u64, 8, 32]), 0..4),
        // Arrays that take weights in whole tiles share work with arrays of their own size alone.
        (whole_tiles, alike) in (prop::bool::weighted(0.4), any::<bool>()),
        activations in 1_u64..60,
        weights in 1_u64..60,
        outputs in 1_u64..40,
        access in prop::sample::select(vec![32_u64, 64]),
        stripe in prop::sample::select(vec![1_u64, 2, 8]),
        channels in 1_u64..9,
    ) -> (bool, Target) {
        let kib = [activations, weights, outputs];
        let mut target = if is_hybrid { hybrid(side, kib) } else { single(side, kib, 16) };
        target.memory.access = quantities::Bytes(access);
        target.memory.interleave = tile_program::Interleave {
            stripe: quantities::Bytes(stripe * access),
            channels,
        };
        // Further arrays beside each, of other sizes.
        let mut arrays = target.arrays.clone();
        for (index, side) in further.into_iter().enumerate() {
            let like = &target.arrays[index % target.arrays.len()];
            arrays.push(match alike {
                true => like.clone(),
                false => ArrayTarget { rows: side, columns: 2 * side, ..like.clone() },
            });
        }
        for array in &mut arrays {
            array.dataflow = dataflow;
            array.whole_tiles = whole_tiles;
        }
        (is_hybrid, with_arrays(&target, arrays))
    }
}

prop_compose! {
    fn any_case()((is_hybrid, target) in any_machine())(
        model in any_model(),
        run in any_run(),
        batch in 1_u64..4,
        precision in any_precision(is_hybrid),
        operators in prop::sample::select(vec![Operators::All, Operators::Blocks, Operators::Gemms, Operators::BlockGemms]),
        heads in prop::sample::select(vec![Heads::Grouped, Heads::Separate]),
        softmax in prop::sample::select(vec![Softmax::Auto, Softmax::Online]),
        masked_keys in prop::sample::select(vec![MaskedKeys::Skip, MaskedKeys::Compute]),
        fusion in prop::sample::select(vec![Fusion::Full, Fusion::AllButAttention, Fusion::None]),
        weights in prop::sample::select(vec![Weights::Kept, Weights::Warm, Weights::Streamed]),
        target in Just(target),
    ) -> (Workload, Target) {
        (Workload { model, run, batch, precision, weights, operators, heads, softmax, masked_keys, fusion, split: Split::default(), warnings: Vec::new() }, target)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Waits point back, scratchpads never overflow in any order, every MAC is done once, memory is
    /// read after it is written and overwritten after it is read, nothing moves fewer bytes than it
    /// must, and no order deadlocks.
    #[test]
    fn every_program_is_sound((workload, target) in any_case()) {
        match compile(workload.clone(), &target) {
            Ok(mut program) => {
                check(&mut program, true);
                run_all_ways(compile(workload, &target).unwrap());
            }
            Err(CompileError::TileDoesNotFit { operation, scratchpad, needed, capacity }) => {
                prop_assert!(needed > capacity, "{needed} of {capacity}");
                // The remedy helps: with so much, that operation finds room there. (A later pass
                // may need more.)
                let mut target = target;
                target.scratchpads[scratchpad as usize].capacity = needed;
                let again = compile(workload.clone(), &target);
                if let Err(CompileError::TileDoesNotFit {
                    operation: name,
                    scratchpad: short,
                    needed: more,
                    ..
                }) = again
                    && matches!(workload.run, Run::Decode { .. } | Run::Mixed { .. })
                {
                    prop_assert!(
                        (&operation, scratchpad) != (&name, short),
                        "{operation}: {needed}, then {more}"
                    );
                }
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

/// So many equal cores on so many chips, joined as they are.
fn several(target: &Target, chips: u16, cores: u16, pairs: &[(u16, u16)]) -> Platform {
    let mut next = 0;
    let all = (0..chips * cores).map(|index| {
        let target = Target {
            core: CoreId(index),
            chip: index / cores,
            prefix: format!("core{index}.").into(),
            receive: (chips > 1).then_some(UnitId(0)),
            ..target.clone()
        };
        let (target, after) = target.numbered_from(next);
        next = after;
        target
    });
    Platform {
        cores_per_chip: usize::from(cores),
        cores: all.collect(),
        network: Network::new(chips, pairs),
        replicas: 1,
    }
}

prop_compose! {
    fn any_platform(target: Target)(
        chips in 1_u16..5,
        cores in 1_u16..4,
        topology in 0..3,
    ) -> Platform {
        let line = (1..chips).map(|chip| (chip - 1, chip));
        let pairs: Vec<_> = match topology {
            0 => line.collect(),
            1 if chips > 2 => line.chain([(chips - 1, 0)]).collect(),
            1 => line.collect(),
            _ => (0..chips).flat_map(|a| (a + 1..chips).map(move |b| (a, b))).collect(),
        };
        several(&target, chips, cores, &pairs)
    }
}

prop_compose! {
    fn any_split()(
        tensor in 1_u64..4,
        pipeline in 1_u64..4,
        microbatches in 1_u64..4,
        collectives in prop::sample::select(vec![Algorithm::Ring, Algorithm::Tree]),
    ) -> Split {
        Split { tensor: Some(tensor), pipeline, microbatches, collectives }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// The same of several cores, those that share a memory and those that exchange over links:
    /// what a core reads of another's, it waits for.
    #[test]
    fn every_program_for_several_cores_is_sound(
        (workload, platform) in any_case().prop_flat_map(|(workload, target)| {
            (Just(workload), any_platform(target))
        }),
        split in any_split(),
    ) {
        let mut workload = Workload { split, ..workload };
        // Whatever is drawn can be split by two, and by three.
        workload.model.n_kv_heads *= 6;
        workload.model.n_heads *= 6;
        workload.model.d_ff *= 6;
        for every_chip in [false, true] {
            let compile = if every_chip { compile_every_chip } else { workload_compiler::compile };
            match compile(workload.clone(), &platform) {
                Ok(mut program) => {
                    let alike = program.platform().replicas > 1;
                    prop_assert!(!(alike && every_chip));
                    check(&mut program, true);
                    run_all_ways(compile(workload.clone(), &platform).unwrap());
                }
                Err(CompileError::TileDoesNotFit { needed, capacity, .. }) => {
                    prop_assert!(needed > capacity, "{needed} of {capacity}");
                }
                Err(CompileError::Split { .. }) => {}
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}

/// Cores that wait for one another are left in the middle of a pass, one of them further than the
/// other.
#[test]
fn a_pass_that_is_dropped_between_cores_leaves_the_next_one_as_it_is() {
    let platform = several(&hybrid(64, [256, 512, 128]), 2, 1, &[(0, 1)]);
    let mut model = model("llama-2-7b");
    (model.layers, model.vocab) = (2, 300);
    let mut workload = workload(model, Run::generate(8, 3), TERNARY);
    for (tensor, pipeline) in [(2, 1), (1, 2)] {
        workload.split = Split {
            tensor: Some(tensor),
            pipeline,
            ..Split::default()
        };
        let program = || compile_every_chip(workload.clone(), &platform).unwrap();
        let mut whole = program();
        in_turn(whole.next_pass().unwrap().streams).for_each(drop);
        let expected: Vec<_> = in_turn(whole.next_pass().unwrap().streams).collect();
        for (core, taken) in [(0, 0), (0, 40), (1, 1), (1, 200)] {
            let mut program = program();
            let mut pass = program.next_pass().unwrap();
            pass.streams[core].by_ref().take(taken).for_each(drop);
            drop(pass);
            let next = program.next_pass().unwrap();
            assert!(in_turn(next.streams).eq(expected.iter().cloned()));
        }
    }
}
