//! Machines of a given area: what a part may grow by, for so much silicon.

use accelerator::{ArraySpec, MachineSpec, VectorSpec};
use energy::{Area, Technology};
use pe_array::{ArrayModel, Element};
use quantities::Bytes;
use tile_program::Family;

use crate::setting::ReproduceError;

/// The technology that areas are taken from: the one whose PEs are all of one synthesis.
pub(super) const TECHNOLOGY: &str = "45nm";

/// # Panics
/// Never: the technology is shipped.
pub(super) fn technology() -> Technology {
    Technology::shipped(TECHNOLOGY).expect("a shipped technology")
}

/// Area of one array.
pub(super) fn array(technology: &Technology, array: &ArraySpec) -> Result<Area, ReproduceError> {
    let (rows, columns) = (array.array.rows, array.array.columns);
    Ok(technology.array_area(&array.kind, rows, columns)?)
}

/// Area of all arrays.
pub(super) fn arrays(technology: &Technology, spec: &MachineSpec) -> Result<Area, ReproduceError> {
    let areas = spec
        .cores
        .first()
        .arrays
        .iter()
        .map(|each| array(technology, each));
    Ok(areas.collect::<Result<Vec<_>, _>>()?.into_iter().sum())
}

/// Area of the scratchpads that have limits.
fn scratchpads(technology: &Technology, spec: &MachineSpec) -> Area {
    let pads = spec.cores.first().scratchpads.iter().flatten();
    pads.map(|pad| technology.scratchpad_area(pad.capacity, pad.banks, pad.port))
        .sum()
}

/// Area of arrays, vector unit and scratchpads.
pub(super) fn machine(technology: &Technology, spec: &MachineSpec) -> Result<Area, ReproduceError> {
    let vector = match &spec.cores.first().vector {
        VectorSpec::Free => Area::ZERO,
        VectorSpec::Lanes(lanes) => {
            technology.vector_area(lanes.lanes, lanes.operations_per_lane_per_cycle)
        }
    };
    let arrays = arrays(technology, spec)?;
    Ok(arrays.plus(vector).plus(scratchpads(technology, spec)))
}

/// The most that fits, and at least 1.
fn fits(budget: Area, each: Area) -> u64 {
    let count = budget.get() / each.get().max(1);
    u64::try_from(count).unwrap_or(u64::MAX).max(1)
}

/// An array of the rows and clock of `like`, of other PEs, as wide as an area allows.
pub(super) fn array_of(
    technology: &Technology,
    like: &ArraySpec,
    element: Element,
    area: Area,
) -> Result<ArraySpec, ReproduceError> {
    let mut array = like.clone();
    array.array.element = element;
    array.kind = ArrayModel::new(&array.array)?.kind();
    let column = technology.array_area(&array.kind, array.array.rows, 1)?;
    array.array.columns = fits(area, column).min(1 << 16);
    Ok(array)
}

/// The machine with so much more area for the array of a family. One that serves others too stays
/// as it is, and the family gets an array of its own, of `element` and of that area.
pub(super) fn grown_array(
    technology: &Technology,
    spec: &MachineSpec,
    family: Family,
    element: Element,
    more: Area,
) -> Result<MachineSpec, ReproduceError> {
    let mut grown = spec.clone();
    let serving = |array: &ArraySpec| array.serves.contains(&family);
    let Some(index) = spec.cores.first().arrays.iter().position(serving) else {
        return Ok(grown);
    };
    let old = &spec.cores.first().arrays[index];
    let projections = family == Family::Projection;
    let others = old.serves.contains(&Family::Projection)
        && old
            .serves
            .iter()
            .any(|served| *served != Family::Projection);
    if others {
        let mut own = array_of(technology, old, element, more)?;
        own.serves
            .retain(|served| (*served == Family::Projection) == projections);
        own.name = format!("{} 2", old.name);
        grown.cores.first_mut().arrays[index]
            .serves
            .retain(|served| (*served == Family::Projection) != projections);
        grown.cores.first_mut().arrays.push(own);
    } else {
        let area = array(technology, old)?.plus(more);
        grown.cores.first_mut().arrays[index] = array_of(technology, old, old.array.element, area)?;
    }
    Ok(grown)
}

/// The machine with so much more area for lanes; `None` if its vector unit costs nothing.
pub(super) fn grown_vector(
    technology: &Technology,
    spec: &MachineSpec,
    more: Area,
) -> Option<MachineSpec> {
    let mut grown = spec.clone();
    match &mut grown.cores.first_mut().vector {
        VectorSpec::Free => None,
        VectorSpec::Lanes(lanes) => {
            let lane = technology.vector_area(1, lanes.operations_per_lane_per_cycle);
            lanes.lanes += fits(more, lane);
            Some(grown)
        }
    }
}

/// The machine with so much more area for its scratchpads, each by the same factor in steps of a
/// quarter; `None` if they have no limits, or no step fits.
pub(super) fn grown_scratchpads(
    technology: &Technology,
    spec: &MachineSpec,
    more: Area,
) -> Option<MachineSpec> {
    let before = scratchpads(technology, spec);
    let scaled = |quarters: u64| {
        let mut grown = spec.clone();
        for pad in grown.cores.first_mut().scratchpads.iter_mut().flatten() {
            pad.capacity = Bytes(pad.capacity.get() / 4 * quarters);
        }
        grown
    };
    if before == Area::ZERO {
        return None;
    }
    let within = |grown: &MachineSpec| scratchpads(technology, grown) <= before.plus(more);
    let steps = (5..=64).map(scaled).take_while(within);
    steps.last()
}

/// Where in a machine file an error of the area table would stand.
impl From<energy::MissingPe> for ReproduceError {
    fn from(error: energy::MissingPe) -> Self {
        Self::Field(error.at("arrays"))
    }
}
