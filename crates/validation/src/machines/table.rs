//! The comparison as words and as a table.

use explore::prediction::digits;

use super::{Compared, Quantity, RowKind};

/// Whether a result is within its tolerance, in words: `within 5 %`, `BEYOND 5 %`.
#[must_use]
pub fn verdict(one: &Compared) -> String {
    let verdict = if one.within() { "within" } else { "BEYOND" };
    format!("{verdict} {} %", one.row.tolerance)
}

/// How many predictions hold, and by how much they are off at most. Results that were calibrated or
/// that hold by construction are counted apart: their agreement says nothing.
#[must_use]
pub fn summary(compared: &[Compared]) -> String {
    let of = |kind: fn(&RowKind) -> bool| {
        let rows = compared.iter().filter(move |one| kind(&one.row.kind));
        rows.collect::<Vec<_>>()
    };
    let predictions = of(|kind| matches!(kind, RowKind::Prediction));
    let within = predictions.iter().filter(|one| one.within()).count();
    let mut text = format!(
        "{within} of {} predictions within their tolerance",
        predictions.len()
    );
    let most = |rows: &mut dyn Iterator<Item = &&Compared>| {
        let off = rows.map(|one| one.off_percent());
        off.fold(None, |most: Option<f64>, off| {
            Some(most.map_or(off, |most| most.max(off)))
        })
    };
    if let Some(off) = most(&mut predictions.iter()) {
        text += &format!(", at most {off:.1} % off");
    }
    let whole = |one: &&&Compared| {
        let times = [Quantity::Time, Quantity::TokenRate];
        one.row.of.is_empty() && times.contains(&one.row.quantity)
    };
    if let Some(off) = most(&mut predictions.iter().filter(whole)) {
        text += &format!("; whole runs at most {off:.1} %");
    }
    text += "\n";
    for (rows, name) in [
        (
            of(|kind| matches!(kind, RowKind::Calibrated { .. })),
            "calibrated",
        ),
        (
            of(|kind| matches!(kind, RowKind::ByConstruction { .. })),
            "by construction",
        ),
    ] {
        if let Some(off) = most(&mut rows.iter()) {
            text += &format!(
                "{} {name}, not counted as predictions: at most {off:.1} % off",
                rows.len()
            );
            text += &match rows.iter().filter(|one| !one.within()).count() {
                0 => "\n".to_owned(),
                beyond => format!(", {beyond} beyond its tolerance\n"),
            };
        }
    }
    text
}

/// The comparison as a table of Markdown, one row a result, with the summary under it.
#[must_use]
pub fn to_markdown(compared: &[Compared]) -> String {
    let mut text = String::from(
        "| machine | workload | quantity | published | simulated | ratio | tolerance | kind | what explains the rest |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for one in compared {
        let row = &one.row;
        let of = if row.of.is_empty() {
            String::new()
        } else {
            format!(" of {}", row.of)
        };
        let set = if row.set.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.set.join(", "))
        };
        let kind = match row.kind.basis() {
            "" => row.kind.name().to_owned(),
            basis => format!("{}: {basis}", row.kind.name()),
        };
        text.push_str(&format!(
            "| {} | {}{set} | {}{of} | {} {} | {} | {:.3} | {} | {kind} | {} |\n",
            row.machine,
            row.workload,
            row.quantity.name(),
            row.published,
            row.unit,
            digits(one.predicted),
            one.ratio(),
            verdict(one),
            row.note,
        ));
    }
    text + "\n" + &summary(compared).replace('\n', "  \n")
}
