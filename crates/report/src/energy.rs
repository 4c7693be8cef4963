//! Energy and area for the terminal.

use energy::{Account, Basis, ComponentEnergy, Energy, Source};
use simulator::{EnergyRecord, RunRecord};
use tile_program::Class;

use crate::number::{bare_percent, percent, three_digits};
use crate::table::{Column, Table};
use crate::text::Page;

/// Energy by component and class, and what it comes to.
pub(crate) fn energy(page: &mut Page, run: &RunRecord, record: &EnergyRecord) {
    let account = &record.account;
    page.heading(
        "Energy",
        &format!(
            "  ({}, {} nm; figures: the weakest basis of each)",
            record.technology, record.node_nm
        ),
    );
    page.table(&components(account));
    rates(page, run, account.total());
    spent_with_time(page, account);
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

fn components(account: &Account) -> Table {
    let total = account.total();
    let mut columns = vec![Column::words("component")];
    columns.extend(Class::ALL.map(|class| Column::numbers(class.name())));
    columns.extend([
        Column::numbers("all"),
        Column::numbers("%"),
        Column::words("figures"),
    ]);
    let mut table = Table::of(columns);
    for component in &account.components {
        let mut row = vec![component.component.name().to_owned()];
        row.extend(component.by_class.map(joules));
        let all = component.total();
        row.extend([
            joules(all),
            bare_percent(part(all, total)),
            component.basis().name().to_owned(),
        ]);
        table.row(row);
    }
    let mut all = vec!["all".to_owned()];
    all.extend(account.by_class().map(joules));
    all.extend([joules(total), "100.0".to_owned(), String::new()]);
    table.row(all);
    table
}

/// Energy by token, by second and by operation.
fn rates(page: &mut Page, run: &RunRecord, total: Energy) {
    let spent = total.joules();
    if spent > 0.0 {
        let per_token = run.tokens().filter(|&tokens| tokens > 0).map(|tokens| {
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
}

/// Leakage, refresh and standby, by what the makespan went to.
fn spent_with_time(page: &mut Page, account: &Account) {
    let total = account.total();
    let causes = account.static_by_cause.iter();
    let shares: Vec<_> = causes
        .map(|(cause, energy)| format!("{} {}", cause.name(), percent(part(*energy, total))))
        .collect();
    if !shares.is_empty() {
        page.line(format_args!(
            "  spent with time, by what the makespan went to: {}",
            shares.join(", ")
        ));
    }
}

/// Area by unit.
pub(crate) fn area(page: &mut Page, run: &RunRecord, record: &EnergyRecord) {
    let total = record.area().square_millimetres();
    page.heading("Area", "  (placed)");
    let columns = [
        Column::words("unit"),
        Column::numbers("mm2"),
        Column::numbers("%"),
        Column::words("figures"),
    ];
    let mut rows: Vec<_> = record
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
    page.table(&Table::filled(columns, rows));
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

pub(crate) fn watts(run: &RunRecord, total: Energy) -> f64 {
    let seconds = run.seconds();
    if seconds > 0.0 {
        total.joules() / seconds
    } else {
        0.0
    }
}

/// Operations of all chips, in 10^12, by joule of all chips; 0 for a run that spent no energy.
pub(crate) fn tops_per_watt(run: &RunRecord, total: Energy) -> f64 {
    if total == Energy::ZERO {
        0.0
    } else {
        2e-12 * run.macs_of_all_chips() as f64 / total.joules()
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
