//! Figures times counts.

use config::Document;
use energy::{
    Account, ArrayCounts, ArrayPart, Basis, Component, Counts, Energy, PadCounts, PadPart, Parts,
    Priced, Technology, VectorPart,
};
use pe_array::Element;
use proptest::prelude::*;
use quantities::Bytes;
use tile_program::{Cause, Class, Dataflow, Reach, VectorKind};

const MATMUL: usize = Class::MatMul as usize;

fn priced(technology: &str, element: &str, dataflow: Dataflow) -> Priced {
    let document = Document::parse("element", element).unwrap();
    let kind = document.read::<Element>().unwrap().kind().unwrap();
    let pad = Some(PadPart {
        capacity: Bytes(64 << 10),
        banks: 8,
        port: Bytes(8),
    });
    let parts = Parts {
        arrays: vec![ArrayPart {
            name: "array".into(),
            kind,
            rows: 8,
            columns: 8,
            dataflow,
        }],
        pads: [pad, pad, None],
        vector: Some(VectorPart {
            lanes: 4,
            operations_per_lane_per_cycle: 1,
            operations: [2; VectorKind::ALL.len()],
        }),
        clock: (500_000_000, 1),
    };
    Priced::new(Technology::shipped(technology).unwrap(), parts).unwrap()
}

fn counts(macs: u64, pad_bits: u64, elements: u64) -> Counts {
    let array = ArrayCounts {
        macs,
        ..ArrayCounts::default()
    };
    let mut counts = Counts {
        arrays: std::array::from_fn(|_| vec![ArrayCounts::default()]),
        vector: [[0; VectorKind::ALL.len()]; Class::ALL.len()],
        pads: [[PadCounts::default(); 3]; Class::ALL.len()],
        memory_read_bits: [0; Class::ALL.len()],
        memory_written_bits: [0; Class::ALL.len()],
        link_bits: [0; Class::ALL.len()],
    };
    counts.arrays[MATMUL][0] = array;
    counts.pads[MATMUL][0].read_bits = pad_bits;
    counts.vector[Class::Vector as usize][0] = elements;
    counts
}

fn of(account: &Account, component: Component) -> Energy {
    let found = account
        .components
        .iter()
        .find(|one| one.component == component);
    found.map_or(Energy::ZERO, energy::ComponentEnergy::total)
}

#[test]
fn a_bit_on_a_link_costs_what_its_reach_does() {
    let int8 = priced("45nm", "Int8()", Dataflow::OutputStationary);
    let mut counts = counts(0, 0, 0);
    counts.link_bits[MATMUL] = 1000;
    let account = int8.account(&counts, &[], None, Some(energy::link_bit(Reach::Board)));
    // 1000 x 10 pJ.
    let links = of(&account, Component::Links);
    assert_eq!(links, Energy::attojoules(10_000_000_000));
    assert_eq!(account.by_class()[MATMUL], account.total());
}

#[test]
fn a_mac_costs_its_multiplier_and_adder() {
    let int8 = priced("45nm", "Int8()", Dataflow::OutputStationary);
    let account = int8.account(&counts(1000, 0, 0), &[], None, None);
    // 1000 x 0.3 pJ.
    let arithmetic = of(&account, Component::Arithmetic);
    assert_eq!(arithmetic, Energy::attojoules(300_000_000));
    // 8 + 8 + 32 bits of 10.125 fJ, of which half change.
    let registers = of(&account, Component::Registers);
    assert_eq!(registers, Energy::attojoules(1000 * 48 * 10_125 / 2));
}

#[test]
fn zero_weights_save_the_adder_of_ternary_pes_alone() {
    let arithmetic = |element, dataflow| {
        let account =
            priced("45nm", element, dataflow).account(&counts(1000, 0, 0), &[], None, None);
        (
            of(&account, Component::Arithmetic).get(),
            of(&account, Component::Registers).get(),
        )
    };
    let (ternary, standing) = arithmetic("Ternary()", Dataflow::OutputStationary);
    let (binary, _) = arithmetic("Binary()", Dataflow::OutputStationary);
    assert_eq!(binary, 75_000_000);
    assert_eq!(ternary, 75_000_000 * 7 / 10);
    // The standing sum of 24 bits stays still for three of ten; the operands pass.
    assert_eq!(standing, (10 * (8 + 2) + 7 * 24) * 100 * 10_125 / 2);
    // A sum that moves on is never still.
    let (_, moving) = arithmetic("Ternary()", Dataflow::WeightStationary);
    assert_eq!(moving, (8 + 24) * 1000 * 10_125 / 2);
}

#[test]
fn wider_operands_pay_each_pass() {
    let one = priced(
        "7nm",
        "Int8(accumulator: Int48)",
        Dataflow::WeightStationary,
    );
    let four = priced(
        "7nm",
        "Int8(activation: Int16, weight: Int16, accumulator: Int48)",
        Dataflow::WeightStationary,
    );
    let spent = |priced: &Priced| {
        let account = priced.account(&counts(1000, 0, 0), &[], None, None);
        of(&account, Component::Arithmetic).get()
    };
    assert_eq!(spent(&four), 4 * spent(&one));
}

#[test]
fn leakage_goes_to_the_classes_and_causes_of_the_makespan() {
    let priced = priced("45nm", "Int8()", Dataflow::OutputStationary);
    let makespan = [
        (Class::MatMul, Cause::Compute, 300),
        (Class::Vector, Cause::DramLatency, 100),
    ];
    let account = priced.account(&counts(0, 0, 0), &makespan, None, None);
    assert_eq!(account.components.len(), 1);
    let leaked = priced.leakage().over(400, (500_000_000, 1));
    let by_class = account.by_class();
    assert_eq!(by_class[MATMUL].get(), leaked.get() * 3 / 4);
    assert_eq!(by_class[Class::Vector as usize].get(), leaked.get() / 4);
    let causes: Vec<_> = account
        .static_by_cause
        .iter()
        .map(|(cause, _)| *cause)
        .collect();
    assert_eq!(causes, [Cause::Compute, Cause::DramLatency]);
    assert!(!account.knows_memory);
    assert_eq!(account.components[0].basis(), Basis::Assumed);
}

#[test]
fn areas_name_each_unit_with_limits() {
    let priced = priced("45nm", "Int8()", Dataflow::OutputStationary);
    let names: Vec<_> = priced
        .areas()
        .iter()
        .map(|unit| unit.unit.as_str())
        .collect();
    assert_eq!(names, ["array", "vector", "activations", "weights"]);
    assert!(priced.area() > priced.areas()[0].area);
}

proptest! {
    #[test]
    fn more_activity_never_costs_less(
        macs in any::<u64>(), bits in any::<u64>(), elements in any::<u64>(),
        less in 0u64..1000, cycles in any::<u64>(),
    ) {
        for technology in Technology::names() {
            let priced = priced(technology, "Ternary()", Dataflow::OutputStationary);
            let makespan = [(Class::MatMul, Cause::Compute, cycles)];
            let all = priced.account(&counts(macs, bits, elements), &makespan, None, None);
            let (macs, bits, elements) =
                (macs.saturating_sub(less), bits.saturating_sub(less), elements.saturating_sub(less));
            let fewer = priced.account(&counts(macs, bits, elements), &makespan, None, None);
            prop_assert!(fewer.total() <= all.total());
            let by_class: Energy = all.by_class().into_iter().sum();
            prop_assert_eq!(by_class, all.total());
        }
    }
}
