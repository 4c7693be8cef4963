// An array with its controller and feeders; the scratchpads are outside.
//
// `array_rows` and `array_columns` are straps: how much of the array there is for the folds to be
// cut to. A product ties them to ROWS and COLUMNS; tests run many sizes on one array.
//
//   controller -> address ->(scratchpad)-> operands -> skew -> array -> taps -> results
module array_system
  import types_pkg::*;
#(
  parameter int ROWS = 4,
  parameter int COLUMNS = 4
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
  input  logic [15:0] west_gain, west_cost,
  input  logic [15:0] north_gain, north_cost,
  input  logic [15:0] result_gain, result_cost,
  // What the scratchpads are asked for, and their answer in the same cycle.
  output logic        west_read,
  output logic [31:0] west_fold,
  output logic [15:0] west_step,
  input  logic [15:0] west [ROWS],
  output logic        north_read,
  output logic [31:0] north_fold,
  output logic [15:0] north_step,   // OS: the step; WS, IS: the row of the tile
  input  logic [15:0] north [COLUMNS],
  output logic [COLUMNS-1:0] result_valid,
  output logic [31:0] result [COLUMNS],
  // For the observer.
  output logic        west_first,
  output logic [COLUMNS-1:0] added [ROWS],
  output logic [COLUMNS-1:0] gated [ROWS]
);
  logic        send, step, step_first, step_last;
  logic [31:0] send_fold, step_fold;
  logic [15:0] send_row, step_number;
  logic [7:0]  send_columns, step_rows, step_columns;
  drain_t      drain [ROWS];
  controller #(.ROWS(ROWS)) controller (
    .clk, .rst, .mode, .array_rows, .array_columns, .rows_total, .columns_total, .repeats, .steps,
    .west_gain, .west_cost, .north_gain, .north_cost, .result_gain, .result_cost,
    .send, .send_fold, .send_row, .send_columns,
    .step, .step_fold, .step_number, .step_rows, .step_columns, .step_first, .step_last, .drain
  );

  // The address registers of the scratchpads.
  logic       first, last;
  logic [7:0] west_rows, north_columns;
  always_ff @(posedge clk) begin
    west_read <= step && !rst;
    west_fold <= step_fold;
    west_step <= step_number;
    west_rows <= step_rows;
    first <= step_first;
    last <= step_last;
    north_read <= (mode.output_stationary ? step : send) && !rst;
    north_fold <= mode.output_stationary ? step_fold : send_fold;
    north_step <= mode.output_stationary ? step_number : send_row;
    north_columns <= mode.output_stationary ? step_columns : send_columns;
  end
  assign west_first = west_read && first;

  // Operands and their tags become wavefronts.
  localparam int WEST = $bits(tag_t) + 16;
  logic [WEST-1:0] west_vector [ROWS], west_wave [ROWS];
  logic [16:0] north_vector [COLUMNS], north_wave [COLUMNS];
  tag_t        west_tag [ROWS];
  logic [15:0] west_data [ROWS], north_data [COLUMNS];
  logic        north_valid [COLUMNS];
  for (genvar i = 0; i < ROWS; i++) begin : west_lane
    assign west_vector[i] =
        {west_read && i < int'(west_rows), first, last, i + 1 == int'(west_rows), west[i]};
    assign {west_tag[i], west_data[i]} = west_wave[i];
  end
  for (genvar j = 0; j < COLUMNS; j++) begin : north_lane
    assign north_vector[j] = {north_read && j < int'(north_columns), north[j]};
    assign {north_valid[j], north_data[j]} = north_wave[j];
  end
  skew #(.LANES(ROWS), .WIDTH(WEST)) west_skew (.clk, .rst, .from(west_vector), .to(west_wave));
  skew #(.LANES(COLUMNS), .WIDTH(17)) north_skew (.clk, .rst, .from(north_vector), .to(north_wave));

  systolic_array #(.ROWS(ROWS), .COLUMNS(COLUMNS)) pes (
    .clk, .rst, .mode, .west_tag, .west(west_data), .west_drain(drain),
    .north_valid, .north(north_data), .result_valid, .result, .added, .gated
  );
endmodule
