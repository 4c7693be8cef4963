//! `ternion compile`

use std::io::Write;
use std::path::PathBuf;

use quantities::{Bytes, grouped};
use report::{ModelDocument, Table, model_lines};
use serde::Serialize;
use serde_json::{Value, json};
use simulator::{Chips, Machine};
use tile_program::{DecidedBy, Operator, Program, TileChoice, Tiling};
use workload_compiler::{
    CompiledProgram, InstructionListing, KeptWeights, Lister, OperationListing, PassListing,
    TileSize, Tiles, Totals, Workload,
};

use crate::console::Console;
use crate::failure::Failure;
use crate::job::{self, Job};
use crate::output::{self, tell};

/// Compile a workload for a machine and show the program, without running it
///
/// For each operator: the unit that works on it, its tiles, multiply-accumulates, bytes moved
/// beside the least that must move, what the scratchpads hold meanwhile, and what it waits for.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ternion compile --hw edge-hybrid --workload bitnet-b1.58-2b-4t-decode
  ternion compile --workload gpt2-124m-prefill --operations \\
      --set 'workload.run=Prefill(tokens: 64)'
  ternion compile --workload bitnet-b1.58-2b-4t-generate --pass 7 \\
      --json program.json

Of a run of several passes, the first and the last are shown, or those that --pass names.")]
pub(crate) struct Args {
    /// Machine: a RON file, or the name of a shipped one (ternion machines), or `-`:
    /// stdin [default: edge-hybrid]
    #[arg(long, value_name = "FILE")]
    hw: Option<String>,
    /// Workload: a RON file, or the name of a shipped one (ternion workloads), or
    /// `-`: stdin [default: bitnet-b1.58-2b-4t-decode]
    #[arg(long, value_name = "FILE")]
    workload: Option<String>,
    /// Change a field of either file
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Show this pass, counted from 0; may be given more than once
    #[arg(long = "pass", value_name = "N")]
    passes: Vec<u64>,
    /// Show each operation of each layer
    #[arg(long)]
    operations: bool,
    /// Show each instruction, in program order
    #[arg(long)]
    instructions: bool,
    /// Write the program as JSON: all operations of the passes shown, and with --instructions
    /// these; `-`: to stdout, and the report to stderr
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// The version of the JSON document's shape.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Listing {
    schema_version: u32,
    machine: String,
    workload: String,
    model: ModelDocument,
    footprint_bytes: Bytes,
    kept_weights: KeptWeights,
    total: Totals,
    /// Every pass; those that are shown with their operations.
    passes: Vec<Pass>,
    config: Value,
}

#[derive(Serialize)]
struct Pass {
    index: u64,
    name: String,
    #[serde(flatten)]
    total: Totals,
    #[serde(skip_serializing_if = "Option::is_none")]
    operations: Option<Vec<OperationListing>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    program: Vec<InstructionListing>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    job::refuse_stdin_twice(args.hw.as_deref(), args.workload.as_deref())?;
    let Job {
        spec,
        workload,
        compiled,
    } = Job::load(
        args.hw.as_deref(),
        job::workload_document(args.workload.as_deref())?,
        &args.set,
        Chips::OneOfEqual,
    )?;
    let (machine, program) = compiled.into_parts();
    let count = program.passes();
    if let Some(pass) = args.passes.iter().find(|&&pass| pass >= count) {
        let error = config::ConfigError::new(format!("there is no pass {pass}"));
        let help = format!("the run has {count}: 0 to {}", count - 1);
        return Err(error.help(help).into());
    }
    let [json] = output::open([("--json", args.json.as_deref())])?;
    let mut out = Text::new(args, output::report_beside(&[&json]));
    let mut listing = Listing {
        schema_version: SCHEMA_VERSION,
        machine: spec.name(),
        workload: workload.name(),
        model: ModelDocument::of(&workload.value),
        footprint_bytes: program.footprint(),
        kept_weights: program.kept(),
        total: Totals::default(),
        passes: Vec::new(),
        config: json!({ "machine": spec.value, "workload": workload.value }),
    };
    out.head(&listing, &workload.value, count)?;
    list_passes(args, &machine, program, &mut listing, &mut out)?;
    out.passes(&listing)?;
    if let Some(mut file) = json {
        let mut text = serde_json::to_vec_pretty(&listing).map_err(anyhow::Error::from)?;
        text.push(b'\n');
        file.write_all(&text)?;
        let written = file.finish()?;
        if let Some(out) = &mut out.out {
            tell(out, [&written])?;
        }
    }
    Ok(())
}

/// Takes the passes from the program, one after another: sums them up, prints those that are shown,
/// and keeps the operations of these for the document.
fn list_passes(
    args: &Args,
    machine: &Machine,
    program: CompiledProgram,
    listing: &mut Listing,
    out: &mut Text,
) -> Result<(), Failure> {
    let count = program.passes();
    let shown = |index| match args.passes.is_empty() {
        true => index == 0 || index + 1 == count,
        false => args.passes.contains(&index),
    };
    let platform = machine.platform();
    let mut lister = Lister::new(program);
    for index in 0..count {
        let mut instructions = Vec::new();
        let wanted = args.instructions && shown(index);
        let pass = lister
            .next_pass(|instruction, operation| {
                if wanted {
                    instructions.push(InstructionListing::new(instruction, operation, platform));
                }
            })
            .expect("as many passes as were announced");
        pass.check()
            .map_err(|shortfall| Failure::Internal(format!("internal error: {shortfall}")))?;
        let total = pass.total();
        listing.total.add(&total);
        if shown(index) {
            out.pass(&pass, &instructions)?;
        }
        let keep = shown(index) && args.json.is_some();
        if !keep {
            instructions.clear();
        }
        listing.passes.push(Pass {
            index,
            name: pass.name,
            total,
            operations: keep.then_some(pass.operations),
            program: instructions,
        });
    }
    Ok(())
}

/// What is printed, if anything is.
struct Text {
    out: Option<Console>,
    operations: bool,
}

impl Text {
    fn new(args: &Args, console: Console) -> Self {
        Self {
            out: (!args.quiet).then_some(console),
            operations: args.operations,
        }
    }

    fn head(&mut self, listing: &Listing, workload: &Workload, passes: u64) -> Result<(), Failure> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        writeln!(out, "{} on {}", listing.workload, listing.machine)?;
        writeln!(out, "{}", model_lines(workload))?;
        writeln!(out, "  passes        {}", grouped(passes))?;
        let footprint = grouped(listing.footprint_bytes.get());
        writeln!(out, "  main memory   {footprint} B taken")?;
        let kept = kept(listing.kept_weights);
        writeln!(out, "  kept weights  {kept}")?;
        Ok(())
    }

    fn pass(
        &mut self,
        pass: &PassListing,
        instructions: &[InstructionListing],
    ) -> Result<(), Failure> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        let (what, first_head, rows) = if self.operations {
            ("Operations", "  operation", pass.operations.clone())
        } else {
            ("Operators", "  operator", pass.operators())
        };
        writeln!(out, "\n{what} of pass {}, {}", pass.index, pass.name)?;
        write!(out, "{}", table(&rows, first_head))?;
        if let Some(table) = tilings(&pass.operations) {
            writeln!(out, "\nTilings of pass {}, {}", pass.index, pass.name)?;
            write!(out, "{table}")?;
        }
        if !instructions.is_empty() {
            writeln!(out, "\nInstructions of pass {}, {}", pass.index, pass.name)?;
        }
        for (index, instruction) in instructions.iter().enumerate() {
            writeln!(out, "  {index:>6}  {instruction}")?;
        }
        Ok(())
    }

    /// The sums of all passes; of many, the first and the last few.
    fn passes(&mut self, listing: &Listing) -> Result<(), Failure> {
        let Some(out) = &mut self.out else {
            return Ok(());
        };
        let header = [
            "  pass",
            "",
            "tokens",
            "instructions",
            "MACs",
            "bytes loaded",
            "least",
            "stored",
            "least",
        ];
        let mut table = Table::new(&header, &[2, 3, 4, 5, 6, 7, 8]);
        let row = |first: String, name: &str, total: &Totals| {
            let numbers = [
                total.tokens,
                total.instructions,
                total.macs,
                total.bytes_loaded.get(),
                total.compulsory_read.get(),
                total.bytes_stored.get(),
                total.compulsory_write.get(),
            ];
            let mut row = vec![format!("  {first}"), name.to_owned()];
            row.extend(numbers.map(grouped));
            row
        };
        let many = listing.passes.len() > 12;
        for (index, pass) in listing.passes.iter().enumerate() {
            if many && index == 6 {
                table.row(vec!["  ...".to_owned()]);
            }
            if !many || index < 6 || index + 4 > listing.passes.len() {
                table.row(row(index.to_string(), &pass.name, &pass.total));
            }
        }
        if listing.passes.len() > 1 {
            table.row(row("all".to_owned(), "", &listing.total));
        }
        writeln!(out, "\nPasses")?;
        write!(out, "{table}")?;
        Ok(())
    }
}

/// What stays on chip from pass to pass, in words.
fn kept(kept: KeptWeights) -> String {
    if kept.matrices == 0 {
        return "none".to_owned();
    }
    let how = if kept.warm {
        "there before the run"
    } else {
        "loaded at their first use"
    };
    let bytes = grouped(kept.bytes.get());
    format!("{} matrices, {bytes} B, {how}", grouped(kept.matrices))
}

/// The program as a table; `first_head` says what its rows are.
fn table(rows: &[OperationListing], first_head: &str) -> Table {
    let header = [
        first_head,
        "class",
        "unit",
        "count",
        "tiles",
        "MACs",
        "bytes loaded",
        "least",
        "stored",
        "least",
        "held: activations",
        "weights",
        "outputs",
        "waits for",
    ];
    let mut table = Table::new(&header, &[3, 5, 6, 7, 8, 9, 10, 11, 12]);
    for row in rows {
        let held = [row.held.activations, row.held.weights, row.held.outputs];
        let mut cells = vec![
            format!("  {}", row.name),
            row.class.name().to_owned(),
            row.unit.clone(),
            row.count.to_string(),
            tiles(&row.tiles),
            grouped(row.macs),
            grouped(row.bytes_loaded.get()),
            grouped(row.compulsory_read.get()),
            grouped(row.bytes_stored.get()),
            grouped(row.compulsory_write.get()),
        ];
        cells.extend(held.map(|bytes| grouped(bytes.get())));
        cells.push(row.waits_for.join(", "));
        table.row(cells);
    }
    table
}

/// How GEMMs are cut, and why: a row for each choice that was made.
fn tilings(operations: &[OperationListing]) -> Option<Table> {
    let header = [
        "  operator",
        "count",
        "m x n x k",
        "outer loop",
        "loaded once",
        "arrays",
        "heads side by side",
        "parts of k",
        "bytes",
        "array cycles",
        "tried",
        "why",
    ];
    let mut choices: Vec<(Operator, TileChoice, u64)> = Vec::new();
    for operation in operations {
        let Some(choice) = operation.tiling else {
            continue;
        };
        let known = |(operator, other, _): &&mut (Operator, TileChoice, u64)| {
            (*operator, other) == (operation.operator, &choice)
        };
        match choices.iter_mut().find(known) {
            Some((_, _, count)) => *count += 1,
            None => choices.push((operation.operator, choice, 1)),
        }
    }
    let mut table = Table::new(&header, &[1, 5, 6, 7, 8, 9, 10]);
    for (operator, choice, count) in &choices {
        let chosen = &choice.chosen;
        table.row(vec![
            format!("  {operator}"),
            count.to_string(),
            format!("{} x {} x {}", chosen.m, chosen.n, chosen.k),
            chosen.order.name().replace('_', " "),
            chosen.reuse.name().to_owned(),
            chosen.arrays.to_string(),
            chosen.side_by_side.to_string(),
            chosen.splits_of_k.to_string(),
            grouped(chosen.bytes.get()),
            grouped(chosen.cycles),
            grouped(choice.candidates),
            why(choice),
        ]);
    }
    (!choices.is_empty()).then_some(table)
}

/// What tipped the scale.
fn why(choice: &TileChoice) -> String {
    let chosen = &choice.chosen;
    let next = choice.alternative.as_ref();
    // The vector unit's time counts, too: the arrays alone may have more to do.
    let more = |what: &str, of: &dyn Fn(&Tiling) -> u64| match next.map(of) {
        Some(next) if next > of(chosen) => {
            format!(
                "fewer {what}: {} against {}",
                grouped(of(chosen)),
                grouped(next)
            )
        }
        _ => format!("{what} and vector work, weighed together"),
    };
    match choice.decided_by {
        DecidedBy::OnlyChoice => "nothing else fits".to_owned(),
        DecidedBy::Capacity => "a better one does not fit".to_owned(),
        DecidedBy::Traffic => more("bytes", &|tiling| tiling.bytes.get()),
        DecidedBy::ArrayTime => more("array cycles", &|tiling| tiling.cycles),
        DecidedBy::Overlap => "costs the same as others, overlaps better".to_owned(),
    }
}

/// The most frequent sizes: `20 of 1 x 512 x 2560 (m x n x k), 5 of 1 x 256 x 2560`.
fn tiles(tiles: &[Tiles]) -> String {
    const SHOWN: usize = 2;
    let words = tiles.iter().take(SHOWN).map(|tiles| {
        let size = match tiles.size {
            TileSize::Gemm { m, n, k, repeat: 1 } => format!("{m} x {n} x {k}"),
            TileSize::Gemm { m, n, k, repeat } => format!("{m} x {n} x {k} x{repeat}"),
            TileSize::Vector { elements, rows, .. } => format!("{elements} in {rows} rows"),
            TileSize::Transfer { bytes } | TileSize::Receive { bytes } => format!("{bytes} B"),
        };
        format!("{} of {size}", tiles.count)
    });
    let mut text = words.collect::<Vec<_>>().join(", ");
    let more = tiles.len().saturating_sub(SHOWN);
    if more > 0 {
        text += &format!(", {more} other sizes");
    }
    text
}
