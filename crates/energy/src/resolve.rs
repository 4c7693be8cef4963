//! From a technology file to figures that make sense.

use config::FieldError;

use crate::file::{Basis, FigureFile, MacroFile, PeFile, SourceFile, SramFile, TechnologyFile};
use crate::sram::{Macro, SramTable};
use crate::technology::{Figure, Pe, Source, Technology, find_source, millionths, source, written};
use crate::unit::{Area, Fraction, PerEvent, Power};

/// No node is smaller or larger.
const NODES: std::ops::RangeInclusive<u64> = 1..=1000;
/// No macro is larger: 1 TiB.
const LARGEST: u64 = 1 << 40;
/// No access is wider, in bits.
const WIDEST: u64 = 1 << 16;
/// Nothing on a chip is larger or leaks more: 10^9 um2, 1000 W.
const GREATEST: u64 = 1_000_000_000_000_000;

/// Checks a technology file.
pub(crate) fn technology(file: &TechnologyFile) -> Result<Technology, FieldError> {
    let whole = with_base(file)?;
    check_sources(&whole)?;
    let energy = |figure: &FigureFile<config::Energy>| energy_figure(&whole, figure);
    let share = |figure: &FigureFile<config::Decimal>| share_figure(&whole, figure);
    let area = |figure: &FigureFile<config::Area>| area_figure(&whole, figure);
    let at = |path: &'static str| move |error: FieldError| error.inside(path);
    let registers = need(whole.registers.as_ref(), "registers")?;
    let vector = need(whole.vector.as_ref(), "vector")?;
    let utilisation =
        share(need(whole.utilisation.as_ref(), "utilisation")?).map_err(at("utilisation"))?;
    if utilisation.value.is_zero() {
        return Err(
            FieldError::new("utilisation", "cells that fill nothing of a block")
                .help("a share above 0, at most 1"),
        );
    }
    Ok(Technology {
        name: whole.name.clone(),
        node_nm: whole.node_nm,
        pes: pes(&whole)?,
        register_bit: energy(&registers.bit).map_err(at("registers.bit"))?,
        toggle: share(&registers.toggle).map_err(at("registers.toggle"))?,
        zero_weights: share(need(whole.zero_weights.as_ref(), "zero_weights")?)
            .map_err(at("zero_weights"))?,
        sram: sram(&whole, need(whole.sram.as_ref(), "sram")?).map_err(at("sram"))?,
        wire_per_mm: energy(need(whole.wire_per_mm.as_ref(), "wire_per_mm")?)
            .map_err(at("wire_per_mm"))?,
        vector_operation: energy(&vector.operation).map_err(at("vector.operation"))?,
        lane_area: area(&vector.lane_area).map_err(at("vector.lane_area"))?,
        utilisation,
        leakage_per_um2: power_figure(
            &whole,
            need(whole.leakage_per_um2.as_ref(), "leakage_per_um2")?,
        )
        .map_err(at("leakage_per_um2"))?,
    })
}

/// The file with what it leaves out taken from its base.
fn with_base(file: &TechnologyFile) -> Result<TechnologyFile, FieldError> {
    let Some(base) = &file.base else {
        return Ok(file.clone());
    };
    let Some(document) = Technology::shipped_document(base) else {
        let names = Technology::names().join("`, `");
        return Err(
            FieldError::new("base", format!("no shipped technology is called `{base}`"))
                .help(format!("shipped are `{names}`")),
        );
    };
    let base: TechnologyFile = document
        .read()
        .expect("the shipped technologies are in order");
    if base.node_nm != file.node_nm {
        return Err(FieldError::new(
            "node_nm",
            format!(
                "a table of {} nm cannot start from one of {} nm",
                file.node_nm, base.node_nm
            ),
        )
        .help("figures of two nodes do not mix: the base's node, or another base"));
    }
    let mut sources = base.sources;
    sources.extend(file.sources.clone());
    let replaced = |row: &PeFile| file.pes.iter().any(|own| own.element == row.element);
    let mut pes = file.pes.clone();
    pes.extend(base.pes.into_iter().filter(|row| !replaced(row)));
    Ok(TechnologyFile {
        name: file.name.clone(),
        base: None,
        node_nm: file.node_nm,
        sources,
        pes,
        registers: file.registers.clone().or(base.registers),
        zero_weights: file.zero_weights.clone().or(base.zero_weights),
        sram: file.sram.clone().or(base.sram),
        wire_per_mm: file.wire_per_mm.clone().or(base.wire_per_mm),
        vector: file.vector.clone().or(base.vector),
        utilisation: file.utilisation.clone().or(base.utilisation),
        leakage_per_um2: file.leakage_per_um2.clone().or(base.leakage_per_um2),
    })
}

fn need<'a, T>(value: Option<&'a T>, field: &str) -> Result<&'a T, FieldError> {
    value.ok_or_else(|| {
        FieldError::new(field, "the table does not give it").help(format!(
            "give it, or start from a shipped table: base: \"{}\"",
            Technology::names()[0]
        ))
    })
}

/// Every source holds for the table's node, or for none.
fn check_sources(file: &TechnologyFile) -> Result<(), FieldError> {
    let node = file.node_nm;
    if !NODES.contains(&node) {
        return Err(FieldError::new("node_nm", format!("a node of {node} nm"))
            .help("nanometres, such as 45 or 7"));
    }
    for (name, SourceFile { node_nm, basis, .. }) in &file.sources {
        let at = |field: &str| format!("sources.{name}.{field}");
        match node_nm {
            Some(other) if *other != node => {
                return Err(FieldError::new(
                    at("node_nm"),
                    format!("figures of {other} nm in a table of {node} nm"),
                )
                .help(
                    "two nodes do not mix: a figure of this node, or a table of its own for the \
                     other; a scaled figure is one of this node, `basis: Assumed`",
                ));
            }
            None if *basis == Basis::Derived => {
                return Err(
                    FieldError::new(at("basis"), "derived from figures of no node")
                        .help("say node_nm, or Published or Assumed for what belongs to no node"),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

fn pes(file: &TechnologyFile) -> Result<Vec<Pe>, FieldError> {
    let row = |(index, row): (usize, &PeFile)| {
        let at = |field: &'static str| {
            move |error: FieldError| error.inside(format_args!("pes[{index}].{field}"))
        };
        let kind = row
            .element
            .kind()
            .map_err(|error| error.inside(format_args!("pes[{index}]")))?;
        Ok(Pe {
            kind,
            operation: energy_figure(file, &row.operation).map_err(at("operation"))?,
            area: area_figure(file, &row.area).map_err(at("area"))?,
        })
    };
    file.pes.iter().enumerate().map(row).collect()
}

fn figure<T, U>(
    file: &TechnologyFile,
    figure: &FigureFile<T>,
    convert: impl FnOnce(&T) -> Result<U, FieldError>,
) -> Result<Figure<U>, FieldError> {
    let (value, from, name) = written(file, figure)?;
    Ok(Figure {
        value: convert(value)?,
        source: source(name, from),
    })
}

/// A figure of the table's node: of an energy, an area or a power.
fn node_figure<T, U>(
    file: &TechnologyFile,
    written: &FigureFile<T>,
    convert: impl FnOnce(&T) -> Result<U, FieldError>,
) -> Result<Figure<U>, FieldError> {
    of_node(file, &written.1)?;
    figure(file, written, convert)
}

/// Energies, areas and powers hold for a node: their source says which.
fn of_node(file: &TechnologyFile, name: &str) -> Result<(), FieldError> {
    if find_source(file, name)?.node_nm.is_none() {
        let message = format!("the source `{name}` does not say its node");
        return Err(FieldError::new("", message).help(format!(
            "sources.{name}.node_nm: the node that its figures hold for; only shares belong to none"
        )));
    }
    Ok(())
}

fn energy_figure(
    file: &TechnologyFile,
    written: &FigureFile<config::Energy>,
) -> Result<Figure<PerEvent>, FieldError> {
    node_figure(file, written, |&value| energy(value))
}

fn energy(value: config::Energy) -> Result<PerEvent, FieldError> {
    PerEvent::new(value.attojoules()?).ok_or_else(|| {
        FieldError::new("", format!("{value} for one event"))
            .help("at most a millijoule; nothing on a chip costs more")
    })
}

fn area_figure(
    file: &TechnologyFile,
    written: &FigureFile<config::Area>,
) -> Result<Figure<Area>, FieldError> {
    node_figure(file, written, |&value| area(value))
}

fn area(value: config::Area) -> Result<Area, FieldError> {
    Ok(Area::square_nanometres(within(
        value.square_nanometres()?,
        value,
    )?))
}

fn power_figure(
    file: &TechnologyFile,
    written: &FigureFile<config::Power>,
) -> Result<Figure<Power>, FieldError> {
    node_figure(file, written, |&value| power(value))
}

fn power(value: config::Power) -> Result<Power, FieldError> {
    Ok(Power::nanowatts(within(value.nanowatts()?, value)?))
}

fn within(value: u64, shown: impl std::fmt::Display) -> Result<u128, FieldError> {
    if value > GREATEST {
        return Err(
            FieldError::new("", format!("{shown} is more than any chip has"))
                .help("at most 1000 mm2, 1000 kW"),
        );
    }
    Ok(u128::from(value))
}

fn share_figure(
    file: &TechnologyFile,
    written: &FigureFile<config::Decimal>,
) -> Result<Figure<Fraction>, FieldError> {
    figure(file, written, |&value| {
        millionths(value)
            .and_then(Fraction::millionths)
            .ok_or_else(|| FieldError::new("", format!("a share of {value}")).help("from 0 to 1"))
    })
}

fn sram(file: &TechnologyFile, sram: &SramFile) -> Result<SramTable, FieldError> {
    let from = |field: &str, name: &str| -> Result<Source, FieldError> {
        of_node(file, name).map_err(|error| error.inside(field))?;
        let found = find_source(file, name).map_err(|error| error.inside(field))?;
        Ok(source(name, found))
    };
    let other = |field: &str, name: &Option<String>| match name {
        Some(name) => from(field, name),
        None => from("from", &sram.from),
    };
    let mut widths: Vec<(u64, Vec<(u64, Macro)>)> = Vec::new();
    for (index, row) in sram.macros.iter().enumerate() {
        let (width, capacity, figures) =
            sram_macro(row).map_err(|error| error.inside(format_args!("macros[{index}]")))?;
        let place = widths.binary_search_by_key(&width, |(width, _)| *width);
        let points = match place {
            Ok(place) => &mut widths[place].1,
            Err(place) => {
                widths.insert(place, (width, Vec::new()));
                &mut widths[place].1
            }
        };
        match points.binary_search_by_key(&capacity, |(capacity, _)| *capacity) {
            Ok(_) => {
                return Err(FieldError::new(
                    format!("macros[{index}].capacity"),
                    format!("two macros of {} and {width} bits", row.capacity),
                )
                .help("give each capacity and width once"));
            }
            Err(place) => points.insert(place, (capacity, figures)),
        }
    }
    if widths.is_empty() {
        return Err(FieldError::new("macros", "no macros").help("at least one"));
    }
    Ok(SramTable {
        widths,
        read_from: from("from", &sram.from)?,
        write_from: other("write_from", &sram.write_from)?,
        leakage_from: other("leakage_from", &sram.leakage_from)?,
        area_from: other("area_from", &sram.area_from)?,
    })
}

fn sram_macro(row: &MacroFile) -> Result<(u64, u64, Macro), FieldError> {
    let at = |field: &'static str| move |error: FieldError| error.inside(field);
    let capacity = row.capacity.bytes().map_err(at("capacity"))?.get();
    if !(1..=LARGEST).contains(&capacity) {
        return Err(
            FieldError::new("capacity", format!("a macro of {}", row.capacity))
                .help("from 1 byte to 1 TiB"),
        );
    }
    if !(1..=WIDEST).contains(&row.width_bits) {
        return Err(
            FieldError::new("width_bits", format!("{} bits", row.width_bits))
                .help(format!("from 1 to {WIDEST}")),
        );
    }
    let figures = Macro {
        read: energy(row.read).map_err(at("read"))?,
        write: energy(row.write).map_err(at("write"))?,
        leakage: power(row.leakage).map_err(at("leakage"))?,
        area: area(row.area).map_err(at("area"))?,
    };
    Ok((row.width_bits, capacity, figures))
}
