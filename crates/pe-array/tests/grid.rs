//! Folds on a grid of PEs compute the product, and take as long as the `Serial` law says.

use pe_array::grid::{Arithmetic, Floats, Grid, Integers, Matrix};
use pe_array::{ArrayConfig, ArrayModel, Convention, Dataflow, Element, Feed, Tiles, Variant};
use proptest::prelude::*;
use tile_program::GemmTile;

const DATAFLOWS: [Dataflow; 3] = [
    Dataflow::OutputStationary,
    Dataflow::WeightStationary,
    Dataflow::InputStationary,
];

#[derive(Clone, Debug)]
struct Case {
    element: Element,
    rows: usize,
    columns: usize,
    m: usize,
    n: usize,
    k: usize,
    a: Vec<u16>,
    b: Vec<u16>,
}

fn element() -> impl Strategy<Value = Element> {
    prop_oneof![
        Just(Element::Binary {
            activation: None,
            accumulator: None,
            variant: Variant::Parallel
        }),
        Just(Element::Ternary {
            activation: None,
            accumulator: None,
            variant: Variant::Parallel
        }),
        Just(Element::Int4 {
            accumulator: None,
            variant: Variant::Parallel
        }),
        Just(Element::Int8 {
            activation: None,
            weight: None,
            accumulator: None,
            variant: Variant::Parallel
        }),
        Just(Element::Bf16 { accumulator: None }),
        Just(Element::Fp16 {
            accumulator: None,
            variant: Variant::Parallel
        }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    (
        element(),
        1usize..7,
        1usize..7,
        1usize..14,
        1usize..14,
        1usize..14,
    )
        .prop_flat_map(|(element, rows, columns, m, n, k)| {
            let values = |count| prop::collection::vec(any::<u16>(), count);
            (values(m * k), values(k * n)).prop_map(move |(a, b)| Case {
                element,
                rows,
                columns,
                m,
                n,
                k,
                a,
                b,
            })
        })
}

/// A `Serial` array of PEs of one product a cycle.
fn serial((rows, columns): (usize, usize), element: Element, dataflow: Dataflow) -> ArrayConfig {
    ArrayConfig {
        rows: rows as u64,
        columns: columns as u64,
        element,
        dataflow,
        timing: Convention::Serial,
        initiation_interval: Some(1),
        latency: Some(1),
    }
}

/// What the law says of a tile on a `Serial` array of one product a cycle.
fn serial_law(size: (usize, usize), element: Element, dataflow: Dataflow, tile: GemmTile) -> u64 {
    let model = ArrayModel::new(&serial(size, element, dataflow)).unwrap();
    model.tile(&tile, &Feed::UNLIMITED).unwrap().total.get()
}

impl Case {
    fn law(&self, dataflow: Dataflow) -> u64 {
        let tile = GemmTile::one(self.m as u64, self.n as u64, self.k as u64);
        serial_law((self.rows, self.columns), self.element, dataflow, tile)
    }

    /// The sum in the order in which the dataflow adds.
    fn expected<X: Arithmetic>(
        &self,
        arithmetic: &X,
        dataflow: Dataflow,
        a: &Matrix<X::Operand>,
        b: &Matrix<X::Operand>,
    ) -> Matrix<X::Sum> {
        let depth = match dataflow {
            Dataflow::OutputStationary => self.k,
            _ => self.rows,
        };
        Matrix::from_fn(self.m, self.n, |i, j| {
            let mut partial = (0..self.k).step_by(depth).map(|start| {
                (start..self.k.min(start + depth)).fold(arithmetic.zero(), |sum, k| {
                    arithmetic.step(sum, a[(i, k)], b[(k, j)])
                })
            });
            let first = partial.next().unwrap();
            partial.fold(first, |sum, part| arithmetic.add(sum, part))
        })
    }

    fn check<X: Arithmetic + Copy>(
        &self,
        arithmetic: X,
        a: &Matrix<X::Operand>,
        b: &Matrix<X::Operand>,
    ) -> Result<(), TestCaseError>
    where
        X::Sum: PartialEq + std::fmt::Debug,
    {
        let grid = Grid::new(self.rows, self.columns, arithmetic);
        for dataflow in DATAFLOWS {
            let (c, cycles) = grid.gemm(dataflow, a, b);
            let expected = self.expected(&arithmetic, dataflow, a, b);
            prop_assert_eq!(c.values(), expected.values());
            prop_assert_eq!(cycles.get(), self.law(dataflow), "{:?}", dataflow);
        }
        Ok(())
    }
}

/// Raw bits as an operand of an integer format.
fn integer(format: pe_array::NumberFormat, bits: u16) -> i32 {
    use pe_array::NumberFormat::{Bit, Int4, Int16, Trit};
    match format {
        Bit => i32::from(bits % 2) * 2 - 1,
        Trit => i32::from(bits % 3) - 1,
        Int4 => i32::from(bits % 16) - 8,
        Int16 => i32::from(bits as i16),
        _ => i32::from(bits as u8 as i8),
    }
}

proptest! {
    #[test]
    fn a_gemm_in_folds_is_the_product_in_the_time_of_the_serial_law(case in case()) {
        let kind = case.element.kind().unwrap();
        if let Some(integers) = Integers::of(&kind) {
            let a = Matrix::from_fn(case.m, case.k, |i, j| {
                integer(kind.activation, case.a[i * case.k + j])
            });
            let b = Matrix::from_fn(case.k, case.n, |i, j| {
                integer(kind.weight, case.b[i * case.n + j])
            });
            case.check(integers, &a, &b)?;
        } else {
            let floats = Floats::of(&kind).unwrap();
            let a = Matrix::from_fn(case.m, case.k, |i, j| case.a[i * case.k + j]);
            let b = Matrix::from_fn(case.k, case.n, |i, j| case.b[i * case.n + j]);
            case.check(floats, &a, &b)?;
        }
    }
}

/// Heads that fill a part of an array each, and the array.
fn heads() -> impl Strategy<Value = (usize, [usize; 3], [usize; 2], Dataflow, Vec<u8>)> {
    let shape = (
        1usize..5,
        [1usize..5, 1usize..5, 1usize..5],
        [0usize..4, 0usize..4],
        prop::sample::select(DATAFLOWS.to_vec()),
    );
    shape.prop_flat_map(|(heads, [m, n, k], spare, dataflow)| {
        prop::collection::vec(any::<u8>(), heads * (m * k + k * n))
            .prop_map(move |values| (heads, [m, n, k], spare, dataflow, values))
    })
}

proptest! {
    /// Blocks on the diagonal share neither rows nor columns: all heads are right, and take the
    /// time of one fold as high and as wide as all of them.
    #[test]
    fn heads_side_by_side_are_right_in_the_time_of_one_fold(
        (heads, [m, n, k], [rows, columns], dataflow, values) in heads()
    ) {
        let element = Element::Int8 {
            activation: None,
            weight: None,
            accumulator: None,
            variant: Variant::Parallel,
        };
        let (spread, across) = match dataflow {
            Dataflow::OutputStationary => (m, n),
            Dataflow::WeightStationary => (k, n),
            Dataflow::InputStationary => (k, m),
        };
        let size = (heads * spread + rows, heads * across + columns);
        let arithmetic = Integers::of(&element.kind().unwrap()).unwrap();
        let grid = Grid::new(size.0, size.1, arithmetic);
        let value = |index: usize| i32::from(values[index] as i8);
        let a_of = |head: usize, i: usize, j: usize| value(head * m * k + i * k + j);
        let b_of = |head: usize, i: usize, j: usize| {
            value(heads * m * k + head * k * n + i * n + j)
        };
        let zero = |same: bool, value: i32| if same { value } else { 0 };
        // What stays is on the diagonal; what streams stands side by side.
        let (a, b) = match dataflow {
            Dataflow::OutputStationary => (
                Matrix::from_fn(heads * m, k, |i, j| a_of(i / m, i % m, j)),
                Matrix::from_fn(k, heads * n, |i, j| b_of(j / n, i, j % n)),
            ),
            Dataflow::WeightStationary => (
                Matrix::from_fn(m, heads * k, |i, j| a_of(j / k, i, j % k)),
                Matrix::from_fn(heads * k, heads * n, |i, j| {
                    zero(i / k == j / n, b_of(i / k, i % k, j % n))
                }),
            ),
            Dataflow::InputStationary => (
                Matrix::from_fn(heads * m, heads * k, |i, j| {
                    zero(i / m == j / k, a_of(i / m, i % m, j % k))
                }),
                Matrix::from_fn(heads * k, n, |i, j| b_of(i / k, i % k, j)),
            ),
        };
        let (c, cycles) = grid.gemm(dataflow, &a, &b);
        for head in 0..heads {
            for i in 0..m {
                for j in 0..n {
                    let row = if dataflow == Dataflow::WeightStationary { i } else { head * m + i };
                    let column = if dataflow == Dataflow::InputStationary { j } else { head * n + j };
                    let expected: i32 =
                        (0..k).map(|l| a_of(head, i, l) * b_of(head, l, j)).sum();
                    prop_assert_eq!(c[(row, column)], i64::from(expected));
                }
            }
        }
        let tile = GemmTile {
            repeat: heads as u64,
            side_by_side: heads as u64,
            ..GemmTile::one(m as u64, n as u64, k as u64)
        };
        prop_assert_eq!(cycles.get(), serial_law(size, element, dataflow, tile));
    }
}

proptest! {
    /// An array that takes whole tiles shifts in the padding, too: its time is that of the grid
    /// with zeros around the weights, and the results are those without.
    #[test]
    fn whole_tiles_take_the_time_of_weights_padded_with_zeros(
        [rows, columns] in [1usize..6, 1usize..6], [m, n, k] in [1usize..9, 1usize..9, 1usize..9],
        values in prop::collection::vec(any::<i8>(), 2 * 8 * 8),
    ) {
        let element = Element::Int8 {
            activation: None,
            weight: None,
            accumulator: None,
            variant: Variant::Parallel,
        };
        let arithmetic = Integers::of(&element.kind().unwrap()).unwrap();
        let (deep, wide) = (k.next_multiple_of(rows), n.next_multiple_of(columns));
        let a_of = |i: usize, l: usize| i32::from(values[i * 8 + l]);
        let b_of = |l: usize, j: usize| i32::from(values[64 + l * 8 + j]);
        let a = Matrix::from_fn(m, deep, |i, l| if l < k { a_of(i, l) } else { 0 });
        let b = Matrix::from_fn(deep, wide, |l, j| if l < k && j < n { b_of(l, j) } else { 0 });
        let dataflow = Dataflow::WeightStationary;
        let (c, cycles) = Grid::new(rows, columns, arithmetic).gemm(dataflow, &a, &b);
        for i in 0..m {
            for j in 0..n {
                let expected: i32 = (0..k).map(|l| a_of(i, l) * b_of(l, j)).sum();
                prop_assert_eq!(c[(i, j)], i64::from(expected));
            }
        }
        let model = ArrayModel::new(&serial((rows, columns), element, dataflow)).unwrap();
        let whole = model.with_tiles(Tiles::Whole).unwrap();
        let tile = GemmTile::one(m as u64, n as u64, k as u64);
        let timing = whole.tile(&tile, &Feed::UNLIMITED).unwrap();
        prop_assert_eq!(timing.total, cycles);
        // Each element of the padded weights enters once, and only real products count.
        prop_assert_eq!(timing.traffic.b_reads, (deep * wide) as u64);
        prop_assert_eq!(timing.traffic.a_reads, (m * deep * (wide / columns)) as u64);
        prop_assert_eq!(timing.traffic.c_writes, (m * wide * (deep / rows)) as u64);
        prop_assert_eq!(timing.macs, (m * n * k) as u64);
    }
}
