//! Energy and area: for the terminal and for the JSON document.

use energy::{Basis, Component, ComponentEnergy, Energy, Source};
use serde::Serialize;
use tile_program::Class;

use crate::facts::{EnergyFacts, Run};
use crate::number::{bare_percent, percent, three_digits};
use crate::table::Column;
use crate::text::Page;

/// Energy by component and class.
pub(crate) fn energy(page: &mut Page, run: &Run, facts: &EnergyFacts) {
    let account = &facts.account;
    let total = account.total();
    page.heading(
        "Energy",
        &format!(
            "  ({}, {} nm; figures: the weakest basis of each)",
            facts.technology, facts.node_nm
        ),
    );
    let mut columns = vec![Column::words("component")];
    columns.extend(Class::ALL.map(|class| Column::numbers(class.name())));
    columns.extend([
        Column::numbers("all"),
        Column::numbers("%"),
        Column::words("figures"),
    ]);
    let mut rows: Vec<_> = account
        .components
        .iter()
        .map(|component| {
            let mut row = vec![component.component.name().to_owned()];
            row.extend(component.by_class.map(joules));
            let all = component.total();
            row.extend([
                joules(all),
                bare_percent(part(all, total)),
                component.basis().name().to_owned(),
            ]);
            row
        })
        .collect();
    let mut all = vec!["all".to_owned()];
    all.extend(account.by_class().map(joules));
    all.extend([joules(total), "100.0".to_owned(), String::new()]);
    rows.push(all);
    page.table(&columns, &rows);
    let spent = total.joules();
    if spent > 0.0 {
        let per_token = run.tokens.filter(|&tokens| tokens > 0).map(|tokens| {
            let one = joules(Energy::attojoules(total.get() / u128::from(tokens)));
            let rate = three_digits(tokens as f64 / spent);
            format!("{one} a token, {rate} tokens/J; ")
        });
        page.line(format_args!(
            "  {}{} W on average; {} TOPS/W (a multiply-accumulate is two operations)",
            per_token.unwrap_or_default(),
            three_digits(watts(run, total)),
            three_digits(tops_per_watt(run, total)),
        ));
    }
    let waiting: Vec<_> = account
        .static_by_cause
        .iter()
        .map(|(cause, energy)| format!("{} {}", cause.name(), percent(part(*energy, total))))
        .collect();
    if !waiting.is_empty() {
        page.line(format_args!(
            "  spent with time, by what the makespan went to: {}",
            waiting.join(", ")
        ));
    }
    if !account.knows_memory {
        page.line(format_args!(
            "  without main memory, which is ideal or of a standard without figures"
        ));
    }
    for basis in [Basis::Assumed, Basis::Derived] {
        let names: Vec<_> = sources(&account.components, basis)
            .into_iter()
            .map(|source| format!("{} ({})", source.name, source.mark))
            .collect();
        if !names.is_empty() {
            page.line(format_args!("  {}: {}", basis.name(), names.join(", ")));
        }
    }
}

/// Area by unit.
pub(crate) fn area(page: &mut Page, run: &Run, facts: &EnergyFacts) {
    let total = facts.area().square_millimetres();
    page.heading("Area", "  (placed)");
    let columns = [
        Column::words("unit"),
        Column::numbers("mm2"),
        Column::numbers("%"),
        Column::words("figures"),
    ];
    let mut rows: Vec<_> = facts
        .areas
        .iter()
        .map(|unit| {
            let area = unit.area.square_millimetres();
            let share = if total > 0.0 { area / total } else { 0.0 };
            vec![
                unit.unit.clone(),
                format!("{area:.3}"),
                bare_percent(share),
                unit.basis().name().to_owned(),
            ]
        })
        .collect();
    rows.push(vec![
        "all".to_owned(),
        format!("{total:.3}"),
        "100.0".to_owned(),
        String::new(),
    ]);
    page.table(&columns, &rows);
    if total > 0.0 {
        page.line(format_args!(
            "  {} TOPS/mm2 in this run, {} at the arrays' peak",
            small(run.tops() / total),
            small(run.peak_tops() / total),
        ));
    }
}

/// Two digits that tell, however small.
fn small(number: f64) -> String {
    if number >= 0.01 || number <= 0.0 {
        three_digits(number)
    } else {
        format!("{number:.1e}")
    }
}

fn part(part: Energy, whole: Energy) -> f64 {
    if whole == Energy::ZERO {
        0.0
    } else {
        part.joules() / whole.joules()
    }
}

fn watts(run: &Run, total: Energy) -> f64 {
    let seconds = run.seconds();
    if seconds > 0.0 {
        total.joules() / seconds
    } else {
        0.0
    }
}

fn tops_per_watt(run: &Run, total: Energy) -> f64 {
    if total == Energy::ZERO {
        0.0
    } else {
        2e-12 * run.summary.macs as f64 / total.joules()
    }
}

/// `12.3 mJ`; a dash for nothing.
fn joules(energy: Energy) -> String {
    let joules = energy.joules();
    let (scale, unit) = match joules {
        j if j <= 0.0 => return "-".to_owned(),
        j if j >= 1.0 => (1.0, "J"),
        j if j >= 1e-3 => (1e3, "mJ"),
        j if j >= 1e-6 => (1e6, "uJ"),
        j if j >= 1e-9 => (1e9, "nJ"),
        _ => (1e12, "pJ"),
    };
    format!("{} {unit}", three_digits(joules * scale))
}

/// The sources of a basis, each once.
fn sources(components: &[ComponentEnergy], basis: Basis) -> Vec<&Source> {
    let mut found: Vec<&Source> = Vec::new();
    for source in components.iter().flat_map(|component| &component.sources) {
        if source.basis == basis && !found.contains(&source) {
            found.push(source);
        }
    }
    found
}

#[derive(Serialize)]
pub(crate) struct EnergyDocument<'a> {
    technology: &'a str,
    node_nm: u64,
    joules: Energy,
    joules_per_token: Option<f64>,
    tokens_per_joule: Option<f64>,
    watts: f64,
    tops_per_watt: f64,
    includes_main_memory: bool,
    components: Vec<ComponentDocument<'a>>,
    classes: Vec<ClassDocument>,
    static_by_cause: Vec<CauseDocument>,
}

#[derive(Serialize)]
struct ComponentDocument<'a> {
    component: &'static str,
    joules: Energy,
    basis: &'static str,
    is_static: bool,
    by_class: Vec<ClassDocument>,
    sources: Vec<SourceDocument<'a>>,
}

#[derive(Serialize)]
struct ClassDocument {
    class: &'static str,
    joules: Energy,
}

#[derive(Serialize)]
struct CauseDocument {
    cause: &'static str,
    joules: Energy,
}

#[derive(Serialize)]
struct SourceDocument<'a> {
    name: &'a str,
    basis: &'static str,
    mark: &'a str,
    what: &'a str,
}

#[derive(Serialize)]
pub(crate) struct AreaDocument<'a> {
    technology: &'a str,
    square_micrometres: f64,
    tops_per_square_millimetre: Option<f64>,
    peak_tops_per_square_millimetre: Option<f64>,
    units: Vec<UnitDocument<'a>>,
}

#[derive(Serialize)]
struct UnitDocument<'a> {
    unit: &'a str,
    square_micrometres: f64,
    basis: &'static str,
    sources: Vec<SourceDocument<'a>>,
}

fn source_documents(sources: &[Source]) -> Vec<SourceDocument<'_>> {
    sources
        .iter()
        .map(|source| SourceDocument {
            name: &source.name,
            basis: source.basis.name(),
            mark: &source.mark,
            what: &source.what,
        })
        .collect()
}

fn classes(by_class: [Energy; Class::ALL.len()]) -> Vec<ClassDocument> {
    let pairs = Class::ALL.into_iter().zip(by_class);
    pairs
        .map(|(class, joules)| ClassDocument {
            class: class.name(),
            joules,
        })
        .collect()
}

pub(crate) fn energy_document<'a>(run: &Run, facts: &'a EnergyFacts) -> EnergyDocument<'a> {
    let account = &facts.account;
    let total = account.total();
    let joules = total.joules();
    let tokens = run.tokens.filter(|&tokens| tokens > 0);
    let tokens = tokens.map(|tokens| tokens as f64);
    EnergyDocument {
        technology: &facts.technology,
        node_nm: facts.node_nm,
        joules: total,
        joules_per_token: tokens.map(|tokens| joules / tokens),
        tokens_per_joule: tokens
            .filter(|_| joules > 0.0)
            .map(|tokens| tokens / joules),
        watts: watts(run, total),
        tops_per_watt: tops_per_watt(run, total),
        includes_main_memory: account.knows_memory,
        components: account
            .components
            .iter()
            .map(|component| ComponentDocument {
                component: component.component.name(),
                joules: component.total(),
                basis: component.basis().name(),
                is_static: Component::is_static(component.component),
                by_class: classes(component.by_class),
                sources: source_documents(&component.sources),
            })
            .collect(),
        classes: classes(account.by_class()),
        static_by_cause: account
            .static_by_cause
            .iter()
            .map(|(cause, joules)| CauseDocument {
                cause: cause.name(),
                joules: *joules,
            })
            .collect(),
    }
}

pub(crate) fn area_document<'a>(run: &Run, facts: &'a EnergyFacts) -> AreaDocument<'a> {
    let area = facts.area();
    let millimetres = area.square_millimetres();
    let per_area = |tops: f64| (millimetres > 0.0).then(|| tops / millimetres);
    AreaDocument {
        technology: &facts.technology,
        square_micrometres: area.square_micrometres(),
        tops_per_square_millimetre: per_area(run.tops()),
        peak_tops_per_square_millimetre: per_area(run.peak_tops()),
        units: facts
            .areas
            .iter()
            .map(|unit| UnitDocument {
                unit: &unit.unit,
                square_micrometres: unit.area.square_micrometres(),
                basis: unit.basis().name(),
                sources: source_documents(&unit.sources),
            })
            .collect(),
    }
}
