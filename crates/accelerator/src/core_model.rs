//! A core with the timing models of its arrays, and the rates at which its scratchpads feed them.

use pe_array::{ArrayModel, Feed};
use quantities::{Bits, Frequency, Ratio};
use sram::Scratchpad;
use tile_program::{Packed, ScratchpadId};

use crate::config::{ArraySpec, CoreSpec};
use crate::unit::engine::ArrayEngine;

/// A core with the timing models of its arrays.
#[derive(Clone, Debug)]
pub(crate) struct CoreModel {
    pub(crate) spec: CoreSpec,
    pub(crate) arrays: Vec<ArrayModel>,
}

impl CoreModel {
    pub(crate) fn new(spec: CoreSpec) -> Result<Self, config::FieldError> {
        let arrays = spec.arrays.iter().enumerate().map(|(index, array)| {
            ArrayModel::new(&array.array)
                .and_then(|model| model.with_tiles(array.tiles))
                .map_err(|error| error.inside(format!("arrays[{index}]")))
        });
        let arrays = arrays.collect::<Result<Vec<_>, _>>()?;
        Ok(Self { spec, arrays })
    }

    /// An array of the core, by its place, with what feeds it.
    pub(crate) fn engine(&self, reference: Frequency, place: usize) -> ArrayEngine {
        let array = &self.spec.arrays[place];
        let (feed, packed) = feeds(reference, &self.spec)(array);
        ArrayEngine {
            name: array.name.clone(),
            model: self.arrays[place],
            feed,
            packed,
        }
    }
}

/// The rates at which the scratchpads feed an array, in elements a cycle of its clock, and those of
/// packed weights, by packing.
fn feeds(
    reference: Frequency,
    spec: &CoreSpec,
) -> impl Fn(&ArraySpec) -> (Feed, [Option<Ratio>; Packed::ALL.len()]) {
    let sides = spec
        .scratchpads
        .map(|pad| Scratchpad::new(pad.map(Into::into)).side_rate());
    let reference = reference.as_fraction();
    move |array| {
        let own = array.clock.as_fraction();
        // Scratchpads run on the reference clock: bytes a reference cycle · own / reference.
        let rate = |pad: ScratchpadId, tenths: u64| {
            let (bytes, cycles) = sides[pad as usize]?.as_fraction();
            let per_second = [80 * bytes, reference.0, own.1].map(u128::from);
            let elements = per_second.into_iter().product::<u128>();
            let cycles = [cycles, reference.1, own.0, tenths].map(u128::from);
            port_rate(elements, cycles.into_iter().product())
        };
        let port = |pad, element: Bits| rate(pad, 10 * element.get());
        let feed = Feed {
            a: port(ScratchpadId::Activations, array.kind.activation.bits()),
            b: port(ScratchpadId::Weights, array.kind.weight.bits()),
            c: port(ScratchpadId::Outputs, array.kind.accumulator.bits()),
        };
        let unpack = array.unpack.rate();
        let packed = Packed::ALL.map(|packed| {
            let port = rate(ScratchpadId::Weights, packed.tenths());
            [port, unpack].into_iter().flatten().min()
        });
        (feed, packed)
    }
}

/// A rate of elements over cycles in lowest terms; `None`, which is no limit, if a term needs more
/// than 32 bits even so: a port that many orders of magnitude wider than an element never slows an
/// array.
fn port_rate(elements: u128, cycles: u128) -> Option<Ratio> {
    let rate = Ratio::reduced(elements, cycles)?;
    let fits = |term: u64| u32::try_from(term).is_ok();
    (fits(rate.numerator()) && fits(rate.denominator())).then_some(rate)
}
