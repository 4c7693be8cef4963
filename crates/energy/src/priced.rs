//! A machine in a technology: the energy of each part's steps, and how large the machine is.

use pe_array::PeKind;
use pe_array::dataflow::{Mapping, Operand};
use quantities::Bytes;
use tile_program::{Dataflow, ScratchpadId};

use crate::counts::VECTOR_KINDS;
use crate::file::Basis;
use crate::sram::Macro;
use crate::technology::{MissingPe, Source, Technology};
use crate::unit::{Area, PerEvent, Power};

/// An array, as far as energy and area go.
#[derive(Clone, Debug)]
pub struct ArrayPart {
    /// The name in the machine file.
    pub name: String,
    /// The kind of all PEs of the array.
    pub kind: PeKind,
    /// The number of rows of PEs.
    pub rows: u64,
    /// The number of columns of PEs.
    pub columns: u64,
    /// What stays in it.
    pub dataflow: Dataflow,
}

/// A scratchpad with limits, as far as energy and area go.
#[derive(Clone, Copy, Debug)]
pub struct PadPart {
    /// All that it can hold.
    pub capacity: Bytes,
    /// Equal banks of one port each.
    pub banks: u64,
    /// Width of a bank's port.
    pub port: Bytes,
}

/// A vector unit, as far as energy and area go.
#[derive(Clone, Debug)]
pub struct VectorPart {
    /// Elements side by side.
    pub lanes: u64,
    /// Operations of a lane in a cycle.
    pub operations_per_lane_per_cycle: u64,
    /// Lane operations of an element, by `VectorKind as usize`.
    pub operations: [u64; VECTOR_KINDS],
}

/// The parts of a machine.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The PE arrays of the core.
    pub arrays: Vec<ArrayPart>,
    /// Its scratchpads; `None` without limits, which costs nothing.
    pub pads: [Option<PadPart>; 3],
    /// Its vector unit; `None` if that is free.
    pub vector: Option<VectorPart>,
    /// Its reference clock in hertz, as a fraction.
    pub clock: (u64, u64),
}

/// Area of one unit.
#[derive(Clone, Debug)]
pub struct UnitArea {
    /// An array's own name, `vector`, or a scratchpad's.
    pub unit: String,
    /// Its placed area.
    pub area: Area,
    /// Where its figures come from.
    pub sources: Vec<Source>,
}

impl UnitArea {
    /// The weakest basis of its figures.
    #[must_use]
    pub fn basis(&self) -> Basis {
        weakest(&self.sources)
    }
}

pub(crate) fn weakest(sources: &[Source]) -> Basis {
    let bases = sources.iter().map(|source| source.basis);
    bases.max().unwrap_or(Basis::Published)
}

/// A machine in a technology.
#[derive(Clone, Debug)]
pub struct Priced {
    pub(crate) technology: Technology,
    pub(crate) parts: Parts,
    pub(crate) pe: Vec<Array>,
    pub(crate) banks: [Option<Bank>; 3],
    areas: Vec<UnitArea>,
    leakage: Power,
}

/// Energies of one array's steps.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) operation: PerEvent,
    pub(crate) operation_from: Source,
    /// Bits of registers that move in a step.
    pub(crate) moving_bits: u64,
    /// Of those, the bits of a standing sum, which a zero weight keeps still.
    pub(crate) standing_bits: u64,
    pub(crate) gates_zeros: bool,
}

/// One bank of a scratchpad, and the wire from it to the edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bank {
    pub(crate) figures: Macro,
    pub(crate) port_bits: u64,
    pub(crate) wire_bit: PerEvent,
}

impl Priced {
    /// Prices the parts of a machine.
    ///
    /// # Errors
    /// An array whose PEs the technology has no figures of, with its place.
    pub fn new(technology: Technology, parts: Parts) -> Result<Self, (usize, MissingPe)> {
        let mut pe = Vec::new();
        for (index, part) in parts.arrays.iter().enumerate() {
            pe.push(array(&technology, part).map_err(|missing| (index, missing))?);
        }
        let areas = areas(&technology, &parts);
        let banks = parts.pads.map(|pad| pad.map(|pad| bank(&technology, pad)));
        let leakage = leakage(&technology, &parts, &areas, &banks);
        Ok(Self {
            technology,
            parts,
            pe,
            banks,
            areas,
            leakage,
        })
    }

    /// The technology whose figures the machine is priced by.
    #[must_use]
    pub fn technology(&self) -> &Technology {
        &self.technology
    }

    /// Placed area by unit.
    #[must_use]
    pub fn areas(&self) -> &[UnitArea] {
        &self.areas
    }

    /// Placed area of all units.
    #[must_use]
    pub fn area(&self) -> Area {
        self.areas.iter().map(|unit| unit.area).sum()
    }

    /// Leakage of all units.
    #[must_use]
    pub fn leakage(&self) -> Power {
        self.leakage
    }
}

fn array(technology: &Technology, part: &ArrayPart) -> Result<Array, MissingPe> {
    let pe = technology.pe(&part.kind)?;
    let bits = |operand: Operand| {
        let format = match operand {
            Operand::A => part.kind.activation,
            Operand::B => part.kind.weight,
            Operand::C => part.kind.accumulator,
        };
        format.bits().get()
    };
    let mapping = Mapping::of(part.dataflow);
    let moving_bits = mapping.moves.iter().copied().map(bits).sum();
    let standing_bits = mapping.accumulates().map_or(0, bits);
    // Wider operands take several passes of the same PE, each a step of it.
    let passes = u64::max(
        1,
        (bits(Operand::A) * bits(Operand::B))
            .div_ceil(pe.kind.activation.bits().get() * pe.kind.weight.bits().get()),
    );
    let operation = PerEvent::new(pe.operation.value.attojoules().saturating_mul(passes));
    Ok(Array {
        operation: operation.unwrap_or(pe.operation.value),
        operation_from: pe.operation.source.clone(),
        moving_bits,
        standing_bits,
        gates_zeros: part.kind.gates_zeros,
    })
}

fn bank(technology: &Technology, pad: PadPart) -> Bank {
    let port_bits = pad.port.get() * 8;
    let figures = technology
        .sram
        .bank(pad.capacity.get() / pad.banks.max(1), port_bits);
    // Half of the side of the whole scratchpad, in nanometres: a millimetre has 10^6.
    let side = figures.area.times(pad.banks).get().isqrt();
    let per_mm = u128::from(technology.wire_per_mm.value.attojoules());
    let wire = per_mm.saturating_mul(side / 2) / 1_000_000;
    let wire = u64::try_from(wire)
        .unwrap_or(u64::MAX)
        .min(PerEvent::GREATEST);
    Bank {
        figures,
        port_bits,
        wire_bit: PerEvent::new(wire).expect("held within the bound"),
    }
}

fn areas(technology: &Technology, parts: &Parts) -> Vec<UnitArea> {
    let mut areas = Vec::new();
    for part in &parts.arrays {
        let pe = technology.pe(&part.kind).expect("priced before");
        let area = technology.array_area(&part.kind, part.rows, part.columns);
        let mut sources = vec![pe.area.source.clone()];
        add(&mut sources, &technology.utilisation.source);
        areas.push(UnitArea {
            unit: part.name.clone(),
            area: area.expect("priced before"),
            sources,
        });
    }
    if let Some(vector) = &parts.vector {
        let mut sources = vec![technology.lane_area.source.clone()];
        add(&mut sources, &technology.utilisation.source);
        areas.push(UnitArea {
            unit: "vector".to_owned(),
            area: technology.vector_area(vector.lanes, vector.operations_per_lane_per_cycle),
            sources,
        });
    }
    for (id, pad) in ScratchpadId::ALL.into_iter().zip(&parts.pads) {
        if let Some(pad) = pad {
            areas.push(UnitArea {
                unit: id.name().to_owned(),
                area: technology.scratchpad_area(pad.capacity, pad.banks, pad.port),
                sources: vec![technology.sram.area_from.clone()],
            });
        }
    }
    areas
}

fn leakage(
    technology: &Technology,
    parts: &Parts,
    areas: &[UnitArea],
    banks: &[Option<Bank>; 3],
) -> Power {
    let macros: Power = banks
        .iter()
        .zip(&parts.pads)
        .filter_map(|(bank, pad)| Some(bank.as_ref()?.figures.leakage.times(pad.as_ref()?.banks)))
        .sum();
    let logic = areas.len() - parts.pads.iter().flatten().count();
    let logic: Area = areas[..logic].iter().map(|unit| unit.area).sum();
    // Square nanometres: a square micrometre has 10^6.
    let per_um2 = technology.leakage_per_um2.value.get();
    let leaked = logic.get().saturating_mul(per_um2) / 1_000_000;
    macros.plus(Power::nanowatts(leaked))
}

/// Names a source, once.
pub(crate) fn add(sources: &mut Vec<Source>, source: &Source) {
    if !sources.contains(source) {
        sources.push(source.clone());
    }
}
