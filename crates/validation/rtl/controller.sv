// Runs the folds of one GEMM, or of several of one shape: when a tile is loaded, when a step enters, when results drain.
//
// `send` and `step` ask a scratchpad for operands, which are at the array's edge in the next cycle.
module controller
  import types_pkg::*;
#(
  parameter int ROWS = 4
) (
  input  logic        clk,
  input  logic        rst,
  input  mode_t       mode,
  input  logic [7:0]  array_rows,
  input  logic [7:0]  array_columns,
  input  logic [15:0] rows_total,
  input  logic [15:0] columns_total,
  input  logic [15:0] repeats,
  input  logic [15:0] steps,
  input  logic [15:0] west_gain, west_cost,     // ports: tokens a cycle, tokens an element
  input  logic [15:0] north_gain, north_cost,
  input  logic [15:0] result_gain, result_cost,
  // Stationary tile (WS, IS).
  output logic        send,
  output logic [31:0] send_fold,
  output logic [15:0] send_row,
  output logic [7:0]  send_columns,
  // Stream.
  output logic        step,
  output logic [31:0] step_fold,
  output logic [15:0] step_number,
  output logic [7:0]  step_rows,
  output logic [7:0]  step_columns,
  output logic        step_first,
  output logic        step_last,
  output drain_t      drain [ROWS]
);
  logic os;
  assign os = mode.output_stationary;

  // ---- The stream: steps of a fold enter, then those of the next.
  logic        active, begins, running, done, permitted, west_ready, other_ready, clear;
  logic [7:0]  next_rows;
  logic [15:0] pause;  // cycles until the next step, or the next fold, may enter
  fold_walker folds (
    .clk, .rst, .array_rows, .array_columns, .rows_total, .columns_total, .repeats, .next(step_last),
    .rows(step_rows), .columns(step_columns), .next_rows, .fold(step_fold), .done
  );
  assign begins = !rst && !active && !done && pause == 0 && permitted;
  assign running = active || begins;
  port west_port (
    .clk, .rst, .begins, .running, .gain(west_gain), .cost(west_cost), .elements(step_rows),
    .ready(west_ready), .pass(step)
  );
  // OS: the other operand. WS, IS: room for the results that the step will give.
  port other_port (
    .clk, .rst, .begins, .running, .gain(os ? north_gain : result_gain),
    .cost(os ? north_cost : result_cost), .elements(step_columns),
    .ready(other_ready), .pass(step)
  );
  logic final_step;
  assign final_step = step_number + 1 == steps;
  assign step = running && pause == 0 && west_ready && other_ready && (!final_step || clear);
  assign step_first = step && step_number == 0;
  assign step_last = step && final_step;

  // WS, IS: a fold of fewer rows reaches its tap sooner; its sums may not meet those before it.
  logic [7:0]  fewer;
  logic [15:0] tap_wait;
  assign fewer = step_rows > next_rows ? step_rows - next_rows : '0;
  assign tap_wait = !os && 8'(mode.interval) <= fewer ? 16'(fewer) + 1 - 16'(mode.interval) : '0;

  always_ff @(posedge clk) begin
    if (pause != 0) pause <= pause - 1;
    if (step) begin
      step_number <= step_last ? '0 : step_number + 1;
      pause <= 16'(mode.interval) - 1 + (step_last ? tap_wait : '0);
    end
    active <= running && !step_last;
    if (rst) begin
      pause <= '0;
      step_number <= '0;
      active <= 1'b0;
    end
  end

  // ---- Serial: the next fold begins when this one's last result has left.
  logic        granting_last, drain_idle, complete;
  logic [7:0]  drain_rows, drain_columns;
  logic [15:0] leaving;  // cycles until then
  always_ff @(posedge clk) begin
    if (leaving != 0) leaving <= leaving - 1;
    // The skew of the fold, what is left of the pipeline, and the tap.
    if (os && granting_last)
      leaving <= 16'(mode.interval) + 16'(mode.latency) + 16'(drain_rows) + 16'(drain_columns) - 4;
    if (!os && step_last)
      leaving <= 16'(mode.interval) + 16'(mode.latency) + 16'(step_rows) + 16'(step_columns) - 3;
    if (step_last) drain_columns <= step_columns;
    if (rst) leaving <= '0;
  end
  assign complete = leaving == 0 && drain_idle && !active;

  // ---- Stationary tiles.
  logic load_begins, loaded, tile_ready, free;
  loader tiles (
    .clk, .rst, .enable(!os), .array_rows, .array_columns, .rows_total, .columns_total, .repeats,
    .port_gain(north_gain), .port_cost(north_cost),
    .may_begin(mode.overlapped ? free || step_first : !tile_ready && !active && leaving == 0),
    .begins(load_begins), .send, .fold(send_fold), .row(send_row), .columns(send_columns), .loaded
  );
  always_ff @(posedge clk) begin
    // The shadow is free at first, and from the first step of a fold, which moves it over.
    if (rst || step_first) free <= 1'b1;
    if (!rst && load_begins) free <= 1'b0;
    if (loaded) tile_ready <= 1'b1;
    else if (rst || begins) tile_ready <= 1'b0;
  end

  always_comb begin
    if (!os) permitted = tile_ready;
    else if (mode.overlapped) permitted = 1'b1;
    else permitted = complete;
  end

  // ---- Results (OS).
  drainer #(.ROWS(ROWS)) results (
    .clk, .rst, .mode, .port_gain(result_gain), .port_cost(result_cost),
    .last_step(os && step_last), .fold_rows(step_rows), .fold_columns(step_columns),
    .granting_last, .idle(drain_idle), .rows(drain_rows), .drain
  );
  // The last step may enter when the results before it will have made room: when the last of them
  // has its grant, and as much later as this fold has fewer rows for its sums to cross.
  logic [7:0] since, shorter;  // cycles since that grant
  assign shorter = drain_rows > step_rows ? drain_rows - step_rows : '0;
  assign clear = !os || (granting_last && shorter == 0)
               || (drain_idle && (since >= shorter || step_fold == 0));
  always_ff @(posedge clk) begin
    if (granting_last) since <= 8'd1;
    else if (since != 8'hFF) since <= since + 1;
    if (rst) since <= 8'hFF;
  end

endmodule
