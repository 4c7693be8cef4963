//! The report: what was printed beside what was simulated, and what follows.

use attribution::{Amdahl, Speedup};
use quantities::Cycles;

use super::grid::{GridCell, find};
use super::{Page, Reproduction};
use crate::published::{Form, Quantity, family_rules};

pub(super) fn page(all: &Reproduction, machines: [&str; 2]) -> Page {
    let mut page = Page::default();
    page.heading(1, "What can 1-bit weights buy?");
    opening(&mut page, all, machines);
    side_by_side(&mut page, all, machines[0]);
    differences(&mut page);
    for machine in machines {
        machine_section(&mut page, all, machine);
    }
    law_and_machine(&mut page, all, machines[0]);
    beyond(&mut page, all);
    page
}

fn opening(page: &mut Page, all: &Reproduction, machines: [&str; 2]) {
    let exact = all.checked.iter().filter(|checked| checked.exact()).count();
    page.paragraph(
        "1-bit and ternary weights take the multiplications out of a language model's projections, \
         not out of its attention. With a share F of the time in projections, and these S times \
         faster, a token is 1 / ((1 - F) + F / S) times faster: never more than 1 / (1 - F). This \
         report gives F for the GPT-2, OPT and LLaMA families on two machines, as simulated.",
    );
    page.paragraph(format!(
        "Published figures: {exact} of {} are met to their last printed digit. Every number here is \
         from a simulated run of the same compiler and machine as every other run.",
        all.checked.len()
    ));
    page.paragraph(format!(
        "Machines: {} is the published edge TPU (32 x 32 output-stationary array, 100 MHz). {} \
         stands for the published cloud TPU, whose array is not stated: 256 x 256 at 700 MHz is an \
         ASSUMPTION. Both count as published: a GEMM of M x K by K x N takes ceil(M/R) ceil(N/C) (K \
         + R + C - 2) cycles, memory and vector work are free, each head is its own GEMM. Token \
         rates count one cycle less for each GEMM, as the simulator behind them does.",
        machines[0], machines[1]
    ));
}

fn side_by_side(page: &mut Page, all: &Reproduction, edge: &str) {
    page.heading(2, "Printed figures beside ours");
    for quantity in Quantity::ALL {
        page.heading(
            3,
            match quantity {
                Quantity::ProjectionFraction => "F, share of cycles in projections",
                Quantity::TokensPerSecond => "Tokens per second",
            },
        );
        let cells = all
            .checked
            .iter()
            .filter(|checked| checked.cell.quantity == quantity);
        let rows = cells.map(|checked| {
            let cell = &checked.cell;
            let of = |cell: &GridCell| match quantity {
                Quantity::ProjectionFraction => format!("{:.3}", cell.fraction),
                Quantity::TokensPerSecond => format!("{:.2}", cell.tokens_per_second),
            };
            let form = Form::TrueArchitecture;
            let real = find(&all.grid, edge, &cell.preset.slug, form, cell.context).map(of);
            vec![
                cell.preset.slug.clone(),
                cell.context.to_string(),
                cell.printed.to_string(),
                checked.rounded.clone(),
                if checked.exact() { "exact" } else { "differs" }.into(),
                real.unwrap_or_else(|| "-".into()),
            ]
        });
        page.table(
            &[
                "model",
                "context",
                "printed",
                "ours, as published",
                "",
                "ours, true architecture",
            ],
            rows.collect(),
        );
    }
}

fn differences(page: &mut Page) {
    page.heading(3, "Why the last two columns differ");
    for rule in family_rules() {
        page.paragraph(format!("{}: {}.", rule.family, rule.difference));
    }
    page.paragraph(
        "A wider feed-forward network, or a third matrix in it, is more projection work: the true \
         models have a higher F, a higher ceiling and a lower token rate than was printed.",
    );
}

/// The models of the grid, in its order.
fn models(all: &Reproduction) -> Vec<&str> {
    let mut models: Vec<&str> = Vec::new();
    for cell in &all.grid {
        if !models.contains(&cell.model.as_str()) {
            models.push(&cell.model);
        }
    }
    models
}

fn machine_section(page: &mut Page, all: &Reproduction, machine: &str) {
    page.heading(2, machine);
    let of_machine = ["fraction", "ceiling", "shares"].map(|kind| format!("{kind}-{machine}"));
    for figure in &all.figures {
        if of_machine.contains(&figure.name) {
            page.figure(&figure.name, &figure.caption);
        }
    }
    for form in Form::ALL {
        page.heading(3, format!("F and ceiling, {}", form.name()));
        let rows = models(all).into_iter().map(|model| {
            let mut row = vec![model.to_owned()];
            row.extend(all.contexts.iter().map(|&context| {
                let cell = find(&all.grid, machine, model, form, context);
                cell.map_or("-".into(), |cell| {
                    format!("{:.3} ({:.1}x)", cell.fraction, cell.ceiling)
                })
            }));
            row
        });
        let contexts: Vec<String> = all.contexts.iter().map(ToString::to_string).collect();
        let mut header = vec!["model"];
        header.extend(contexts.iter().map(String::as_str));
        page.table(&header, rows.collect());
    }
}

fn law_and_machine(page: &mut Page, all: &Reproduction, edge: &str) {
    page.heading(2, "The law beside the machine");
    page.paragraph(
        "The projections get an array of their own, clocked S times as fast; nothing else changes. \
         The law assumes that a run is serial. With two arrays it is not quite: scores need queries \
         and keys, and run beside the projection of the values, so the machine may be a little ahead \
         of the law. At very large S it may fall a little behind, since a unit takes up results at its \
         own clock's next edge.",
    );
    for figure in &all.figures {
        if figure.name == format!("speedup-{edge}") {
            page.figure(&figure.name, &figure.caption);
        }
    }
    let rows = all.resimulated.iter().flat_map(|run| {
        run.points.iter().map(|point| {
            vec![
                run.model.clone(),
                format!("{}", point.s),
                format!("{:.4}x", point.law),
                format!("{:.4}x", point.machine),
            ]
        })
    });
    page.table(
        &["model at 4096, as published", "S", "law", "machine"],
        rows.collect(),
    );
    prediction(page, all, edge);
}

/// In PIM-LLM the projections run on another unit; S from short contexts predicts what it printed
/// at 4096.
fn prediction(page: &mut Page, all: &Reproduction, edge: &str) {
    page.paragraph(
        "A published machine to test the law with: in PIM-LLM (arXiv 2504.01994) projections run on \
         a unit of their own and attention stays on the array. S taken from its short contexts gives \
         its printed speedup at 4096.",
    );
    let printed = [
        ("opt-1.3b", 125.0, "3.01"),
        ("gpt2-355m", 42.0, "1.51"),
        ("llama-7b", 205.0, "4.71"),
    ];
    let rows = printed.into_iter().filter_map(|(model, s, printed)| {
        let cell = find(&all.grid, edge, model, Form::AsPublished, 4096)?;
        let amdahl = Amdahl {
            reachable: Cycles(cell.matmul_free_cycles),
            total: Cycles(cell.total_cycles),
        };
        let law = amdahl.law(Speedup::new(s).ok()?);
        Some(vec![
            model.into(),
            format!("{:.4}", cell.fraction),
            format!("{s}"),
            format!("{law:.2}"),
            printed.into(),
        ])
    });
    page.table(
        &["model, as published", "F at 4096", "S", "law", "printed"],
        rows.collect(),
    );
}

fn beyond(page: &mut Page, all: &Reproduction) {
    page.heading(2, "Beyond the published account");
    page.paragraph(
        "Each question below is answered by simulated runs of the full machine. The same tables stand \
         beside this page as CSV, and in results.json.",
    );
    for chapter in &all.beyond {
        // The last one is the conclusion.
        let level = if chapter.name == "roadmap" { 2 } else { 3 };
        page.heading(level, chapter.title.as_str());
        page.paragraph(chapter.text.as_str());
        page.list(&chapter.findings);
        for figure in &chapter.figures {
            page.figure(&figure.name, &figure.caption);
        }
        page.table(&chapter.table.heads(), chapter.table.text());
    }
}
