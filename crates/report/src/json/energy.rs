//! Energy and area.

use energy::{Component, Energy, Source};
use serde::Serialize;
use simulator::{EnergyRecord, RunRecord};
use tile_program::Class;

use crate::energy::{tops_per_watt, watts};

#[derive(Serialize)]
pub(super) struct EnergyDocument<'a> {
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
pub(super) struct AreaDocument<'a> {
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

impl<'a> EnergyDocument<'a> {
    pub(super) fn of(run: &RunRecord, record: &'a EnergyRecord) -> Self {
        let account = &record.account;
        let total = account.total();
        let joules = total.joules();
        let tokens = run.tokens().filter(|&tokens| tokens > 0);
        let tokens = tokens.map(|tokens| tokens as f64);
        Self {
            technology: &record.technology,
            node_nm: record.node_nm,
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
}

impl<'a> AreaDocument<'a> {
    pub(super) fn of(run: &RunRecord, record: &'a EnergyRecord) -> Self {
        let area = record.area();
        let millimetres = area.square_millimetres();
        let per_area = |tops: f64| (millimetres > 0.0).then(|| tops / millimetres);
        Self {
            technology: &record.technology,
            square_micrometres: area.square_micrometres(),
            tops_per_square_millimetre: per_area(run.tops()),
            peak_tops_per_square_millimetre: per_area(run.peak_tops()),
            units: record
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
}
