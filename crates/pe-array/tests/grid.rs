//! Folds on a grid of PEs compute the product, and take as long as the `Serial` law says.

use pe_array::grid::{Arithmetic, Floats, Grid, Integers, Matrix};
use pe_array::{ArrayConfig, ArrayModel, Convention, Dataflow, Element, Feed, Variant};
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

impl Case {
    fn law(&self, dataflow: Dataflow) -> u64 {
        let config = ArrayConfig {
            rows: self.rows as u64,
            columns: self.columns as u64,
            element: self.element,
            dataflow,
            timing: Convention::Serial,
            initiation_interval: Some(1),
            latency: Some(1),
        };
        let tile = GemmTile {
            m: self.m as u64,
            n: self.n as u64,
            k: self.k as u64,
            repeat: 1,
            accumulate: false,
        };
        let model = ArrayModel::new(&config).unwrap();
        model.tile(&tile, &Feed::UNLIMITED).unwrap().total.get()
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
fn integer(format: pe_array::Format, bits: u16) -> i32 {
    use pe_array::Format::{Bit, Int4, Int16, Trit};
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
