//! What the timing laws promise, as properties.

use pe_array::{
    ArrayConfig, ArrayModel, Convention, Dataflow, Element, Feed, TileError, TileTiming, Tiles,
    Variant,
};
use proptest::prelude::*;
use quantities::{Cycle, Cycles, Ratio};
use tile_program::{Cause, GemmTile};

fn array(rows: u64, columns: u64, dataflow: Dataflow, timing: Convention) -> ArrayConfig {
    ArrayConfig {
        rows,
        columns,
        element: Element::Int8 {
            activation: None,
            weight: None,
            accumulator: None,
            variant: Variant::Parallel,
        },
        dataflow,
        timing,
        initiation_interval: None,
        latency: None,
    }
}

fn gemm(m: u64, n: u64, k: u64) -> GemmTile {
    GemmTile {
        m,
        n,
        k,
        repeat: 1,
        side_by_side: 1,
        accumulate: false,
        packed: None,
    }
}

fn dataflow() -> impl Strategy<Value = Dataflow> {
    prop_oneof![
        Just(Dataflow::OutputStationary),
        Just(Dataflow::WeightStationary),
        Just(Dataflow::InputStationary),
    ]
}

fn convention() -> impl Strategy<Value = Convention> {
    prop_oneof![
        Just(Convention::ScaleSim),
        Just(Convention::Serial),
        Just(Convention::Overlapped),
    ]
}

fn rate() -> impl Strategy<Value = Option<Ratio>> {
    prop_oneof![
        1 => Just(None),
        2 => (1u64..12, 1u64..5).prop_map(|(elements, cycles)| Ratio::new(elements, cycles)),
    ]
}

fn feed() -> impl Strategy<Value = Feed> {
    (rate(), rate(), rate()).prop_map(|(a, b, c)| Feed { a, b, c })
}

prop_compose! {
    fn timed()(
        rows in 1u64..9, columns in 1u64..9, dataflow in dataflow(), convention in convention(),
        interval in 1u64..5, latency in 1u64..6, m in 1u64..40, n in 1u64..40, k in 1u64..40,
        repeat in 1u64..4, feed in feed(),
    ) -> (ArrayConfig, GemmTile, Feed, TileTiming) {
        let own = convention != Convention::ScaleSim;
        let config = ArrayConfig {
            initiation_interval: own.then_some(interval),
            latency: own.then_some(latency),
            ..array(rows, columns, dataflow, convention)
        };
        let tile = GemmTile { repeat, ..gemm(m, n, k) };
        let timing = ArrayModel::new(&config).unwrap().tile(&tile, &feed).unwrap();
        (config, tile, feed, timing)
    }
}

proptest! {
    #[test]
    fn parts_sum_to_the_total((_, _, _, timing) in timed()) {
        let sum: Cycles = timing.parts.iter().map(|part| part.1).sum();
        prop_assert_eq!(sum, timing.total);
        let sum: Cycles = timing.occupied_parts.iter().map(|part| part.1).sum();
        prop_assert_eq!(sum, timing.occupied);
        prop_assert!(timing.occupied <= timing.total);
    }

    #[test]
    fn the_stamps_of_all_folds_join_and_sum_to_the_parts((_, _, _, timing) in timed()) {
        let mut at = Cycle::ZERO;
        let mut sums = timing.parts.map(|(cause, _)| (cause, Cycles::ZERO));
        let mut last = Cycle::ZERO;
        let mut folds = 0;
        for fold in timing.folds() {
            prop_assert_eq!(fold.index, folds);
            folds += 1;
            for phase in &fold.phases {
                prop_assert_eq!(phase.from, at);
                at = phase.to;
                let sum = sums.iter_mut().find(|sum| sum.0 == phase.cause).unwrap();
                sum.1 += phase.to - phase.from;
            }
            prop_assert!(fold.load.is_none_or(|load| load < fold.first_operand));
            prop_assert!(fold.first_operand < fold.last_mac);
            prop_assert!(fold.last_mac <= fold.last_result);
            last = last.max(fold.last_result);
        }
        prop_assert_eq!(folds, timing.folds);
        prop_assert_eq!(at, Cycle::ZERO + timing.total);
        prop_assert_eq!(last, Cycle::ZERO + timing.total);
        prop_assert_eq!(sums, timing.parts);
    }

    #[test]
    fn overlap_never_loses_and_never_beats_the_operand_streams((config, tile, feed, timing) in timed()) {
        let steps: Cycles = timing.parts.iter()
            .filter(|part| part.0 == Cause::Compute).map(|part| part.1).sum();
        prop_assert!(timing.total >= steps);
        prop_assert!(u128::from(timing.macs) <= timing.mac_slots);
        if config.timing == Convention::Overlapped {
            let serial = ArrayConfig { timing: Convention::Serial, ..config };
            // Same tile, same ports: only the convention differs.
            let serial = ArrayModel::new(&serial).unwrap().tile(&tile, &feed).unwrap();
            prop_assert!(timing.total <= serial.total);
            if timing.folds == 1 {
                prop_assert_eq!(timing.total, serial.total);
            }
        }
    }

    #[test]
    fn tiles_in_a_row_take_as_long_as_one_repeated_tile(
        rows in 1u64..9, columns in 1u64..9, dataflow in dataflow(), convention in convention(),
        m in 1u64..30, n in 1u64..30, k in 1u64..30, repeat in 2u64..5, feed in feed(),
    ) {
        let model = ArrayModel::new(&array(rows, columns, dataflow, convention)).unwrap();
        let one = model.tile(&gemm(m, n, k), &feed).unwrap();
        let all = model.tile(&GemmTile { repeat, ..gemm(m, n, k) }, &feed).unwrap();
        let next = one.next_start(&one);
        prop_assert_eq!(all.total, next * (repeat - 1) + one.total);
    }

    #[test]
    fn a_lookup_array_runs_a_group_of_products_as_one_step(
        rows in 1u64..9, columns in 1u64..9, dataflow in dataflow(), overlapped in any::<bool>(),
        m in 1u64..30, n in 1u64..30, k in 1u64..60, group in 1u64..5, feed in feed(),
    ) {
        let timing = if overlapped { Convention::Overlapped } else { Convention::Serial };
        let plain = array(rows, columns, dataflow, timing);
        let element = Element::Ternary {
            activation: None,
            accumulator: None,
            variant: Variant::Lookup { group },
        };
        let lookup = ArrayConfig { element, ..plain.clone() };
        let total = |config, k, feed| {
            ArrayModel::new(config).unwrap().tile(&gemm(m, n, k), feed).unwrap().total
        };
        // A port moves the group's operands one by one.
        let slower = |rate: Option<Ratio>| {
            rate.map(|rate| Ratio::new(rate.numerator(), rate.denominator() * group).unwrap())
        };
        let grouped = Feed { a: slower(feed.a), b: slower(feed.b), c: feed.c };
        prop_assert_eq!(total(&lookup, k, &feed), total(&plain, k.div_ceil(group), &grouped));
    }

    #[test]
    fn a_slower_port_never_makes_a_tile_faster(
        rows in 1u64..9, columns in 1u64..9, dataflow in dataflow(), convention in convention(),
        m in 1u64..30, n in 1u64..30, k in 1u64..30, feed in feed(),
    ) {
        let model = ArrayModel::new(&array(rows, columns, dataflow, convention)).unwrap();
        let slow = model.tile(&gemm(m, n, k), &feed).unwrap();
        let fast = model.tile(&gemm(m, n, k), &Feed::UNLIMITED).unwrap();
        prop_assert!(slow.total >= fast.total);
        prop_assert!(fast.parts.iter().all(|part| part.0 != Cause::SramPort || part.1.is_zero()));
    }
}

proptest! {
    /// Under every convention and behind every port, whole tiles are the folds of the padded GEMM.
    #[test]
    fn whole_tiles_take_as_long_as_a_gemm_padded_to_the_array(
        rows in 1u64..9, columns in 1u64..9, convention in convention(), m in 1u64..30,
        n in 1u64..30, k in 1u64..30, repeat in 1u64..4, feed in feed(),
    ) {
        let config = array(rows, columns, Dataflow::WeightStationary, convention);
        let as_used = ArrayModel::new(&config).unwrap();
        let whole = as_used.with_tiles(Tiles::Whole).unwrap();
        let tile = GemmTile { repeat, ..gemm(m, n, k) };
        let (wide, deep) = (n.next_multiple_of(columns), k.next_multiple_of(rows));
        let padded = GemmTile { repeat, ..gemm(m, wide, deep) };
        let ours = whole.tile(&tile, &feed).unwrap();
        let theirs = as_used.tile(&padded, &feed).unwrap();
        prop_assert_eq!(ours.parts, theirs.parts);
        prop_assert_eq!(ours.occupied_parts, theirs.occupied_parts);
        prop_assert_eq!((ours.total, ours.folds), (theirs.total, theirs.folds));
        prop_assert_eq!(ours.traffic, theirs.traffic);
        prop_assert_eq!(ours.macs, m * n * k * repeat);
        // Every fold fills the array, so none may run beside another.
        prop_assert!(ours.folds().all(|fold| (fold.fold.rows, fold.fold.columns) == (rows, columns)));
        prop_assert!(whole.most_side_by_side(m, n, k) <= 1);
    }
}

#[test]
fn whole_tiles_are_for_arrays_that_keep_weights() {
    let with = |dataflow| {
        let config = array(8, 8, dataflow, Convention::Overlapped);
        let model = ArrayModel::new(&config).unwrap();
        model.with_tiles(Tiles::Whole).map_err(|error| error.path)
    };
    assert!(with(Dataflow::WeightStationary).is_ok());
    for dataflow in [Dataflow::OutputStationary, Dataflow::InputStationary] {
        assert_eq!(with(dataflow).unwrap_err(), "tiles");
    }
}

#[test]
fn a_full_fold_takes_what_the_literature_says() {
    // Load, stream, skew in and out: 2R + C + T − 2 and the tap's register.
    let one = |dataflow, timing| {
        ArrayModel::new(&array(16, 8, dataflow, timing))
            .unwrap()
            .tile(
                &match dataflow {
                    Dataflow::OutputStationary => gemm(16, 8, 100),
                    Dataflow::WeightStationary => gemm(100, 8, 16),
                    Dataflow::InputStationary => gemm(8, 100, 16),
                },
                &Feed::UNLIMITED,
            )
            .unwrap()
            .total
    };
    let os = Dataflow::OutputStationary;
    let ws = Dataflow::WeightStationary;
    let is = Dataflow::InputStationary;
    assert_eq!(one(os, Convention::ScaleSim), Cycles(16 + 8 + 100 - 2));
    assert_eq!(one(ws, Convention::ScaleSim), Cycles(32 + 8 + 100 - 2));
    assert_eq!(one(is, Convention::ScaleSim), Cycles(32 + 8 + 100 - 2));
    assert_eq!(one(os, Convention::Serial), Cycles(32 + 8 + 100 - 2));
    assert_eq!(one(ws, Convention::Serial), Cycles(32 + 8 + 100 - 2 + 1));
    assert_eq!(one(is, Convention::Serial), Cycles(32 + 8 + 100 - 2 + 1));
}

#[test]
fn overlapped_decode_on_ws_runs_at_the_pace_of_the_weight_load() {
    let config = array(64, 64, Dataflow::WeightStationary, Convention::Overlapped);
    let timing = ArrayModel::new(&config)
        .unwrap()
        .tile(&gemm(1, 2560, 2560), &Feed::UNLIMITED)
        .unwrap();
    assert_eq!(timing.folds, 1600);
    assert_eq!(timing.occupied, Cycles(1600 * 64 + 1));
}

#[test]
fn the_largest_tiles_are_an_error_and_not_a_wrap() {
    let model = ArrayModel::new(&ArrayConfig {
        element: Element::Bf16 { accumulator: None },
        ..array(8, 8, Dataflow::OutputStationary, Convention::Overlapped)
    })
    .unwrap();
    let tile = gemm(u64::MAX, u64::MAX, 3);
    let error = model.tile(&tile, &Feed::UNLIMITED).unwrap_err();
    assert!(matches!(error, TileError::Overflow { .. }), "{error}");
    // MACs fit, cycles do not.
    let slow = Feed {
        a: Ratio::new(1, 1000),
        ..Feed::UNLIMITED
    };
    let error = model.tile(&gemm(1 << 30, 1, 1 << 30), &slow).unwrap_err();
    assert!(matches!(error, TileError::Overflow { .. }), "{error}");
}

#[test]
fn nothing_to_compute_is_an_error_that_names_the_dimension() {
    let config = array(8, 8, Dataflow::OutputStationary, Convention::Serial);
    let model = ArrayModel::new(&config).unwrap();
    for (tile, name) in [
        (gemm(0, 1, 1), "M"),
        (gemm(1, 0, 1), "N"),
        (gemm(1, 1, 0), "K"),
        (
            GemmTile {
                repeat: 0,
                ..gemm(1, 1, 1)
            },
            "repeat",
        ),
    ] {
        let error = model.tile(&tile, &Feed::UNLIMITED).unwrap_err();
        assert_eq!(error, TileError::Zero { dimension: name });
    }
}

#[test]
fn a_reduction_that_overflows_the_accumulator_is_an_error() {
    let config = array(8, 8, Dataflow::OutputStationary, Convention::Serial);
    let model = ArrayModel::new(&config).unwrap();
    assert!(model.check_reduction(131_071).is_ok());
    let error = model
        .tile(&gemm(1, 1, 131_072), &Feed::UNLIMITED)
        .unwrap_err();
    assert!(error.to_string().contains("K up to 131071"), "{error}");
}

#[test]
fn senseless_arrays_are_refused_at_their_field() {
    let good = array(8, 8, Dataflow::OutputStationary, Convention::Serial);
    let path = |config: ArrayConfig| ArrayModel::new(&config).unwrap_err().path;
    assert_eq!(
        path(ArrayConfig {
            rows: 0,
            ..good.clone()
        }),
        "rows"
    );
    assert_eq!(
        path(ArrayConfig {
            columns: 1 << 40,
            ..good.clone()
        }),
        "columns"
    );
    assert_eq!(
        path(ArrayConfig {
            initiation_interval: Some(0),
            ..good.clone()
        }),
        "initiation_interval"
    );
    assert_eq!(
        path(ArrayConfig {
            latency: Some(0),
            ..good.clone()
        }),
        "latency"
    );
    let scale_sim = ArrayConfig {
        timing: Convention::ScaleSim,
        latency: Some(2),
        ..good
    };
    assert_eq!(path(scale_sim), "latency");
}
