// Arrays of many sizes in one model, side by side. Only the selected one is clocked, and costs time.
module top
  import types_pkg::*;
#(
  parameter int MOST = 32,   // lanes of the largest array
  parameter int SQUARE = 3,  // every size of 1..SQUARE rows and columns
  parameter int LARGE = 5,   // and these
  parameter int LARGE_ROWS   [LARGE] = '{8, 16,  8, 32, 32},
  parameter int LARGE_COLUMNS[LARGE] = '{8, 16, 32,  8, 32},
  localparam int ARRAYS = SQUARE * SQUARE + LARGE
) (
  input  logic        clk,
  input  logic        rst,
  input  logic [$clog2(ARRAYS)-1:0] select,
  output logic [7:0]  size_rows    [ARRAYS],
  output logic [7:0]  size_columns [ARRAYS],
  input  logic [7:0]  array_rows, array_columns,
  input  logic [1:0]  kind,
  input  logic        output_stationary, activation_stays, overlapped,
  input  logic [2:0]  interval, latency,
  input  logic [15:0] rows_total, columns_total, repeats, steps,
  input  logic [15:0] west_gain, west_cost, north_gain, north_cost, result_gain, result_cost,
  output logic        west_read,
  output logic        west_first,
  output logic [31:0] west_fold,
  output logic [15:0] west_step,
  input  logic [15:0] west [MOST],
  output logic        north_read,
  output logic [31:0] north_fold,
  output logic [15:0] north_step,
  input  logic [15:0] north [MOST],
  output logic [MOST-1:0] result_valid,
  output logic [31:0] result [MOST],
  output logic [MOST-1:0] added [MOST],
  output logic [MOST-1:0] gated [MOST]
);
  mode_t mode;
  assign mode = '{kind_t'(kind), output_stationary, activation_stays, overlapped, interval, latency};

  typedef struct packed {
    logic        west_read, west_first;
    logic [31:0] west_fold;
    logic [15:0] west_step;
    logic        north_read;
    logic [31:0] north_fold;
    logic [15:0] north_step;
  } read_t;
  read_t           reads  [ARRAYS];
  logic [MOST-1:0] valids [ARRAYS];
  logic [31:0]     results[ARRAYS][MOST];
  logic [MOST-1:0] adds   [ARRAYS][MOST];
  logic [MOST-1:0] gates  [ARRAYS][MOST];

  for (genvar n = 0; n < ARRAYS; n++) begin : array
    localparam int ROWS = n < SQUARE * SQUARE ? n / SQUARE + 1 : LARGE_ROWS[n - SQUARE * SQUARE];
    localparam int COLUMNS = n < SQUARE * SQUARE ? n % SQUARE + 1 : LARGE_COLUMNS[n - SQUARE * SQUARE];
    assign size_rows[n] = 8'(ROWS);
    assign size_columns[n] = 8'(COLUMNS);
    logic [COLUMNS-1:0] valid;
    logic [31:0]        value [COLUMNS];
    logic [COLUMNS-1:0] add [ROWS], gate [ROWS];
    array_system #(.ROWS(ROWS), .COLUMNS(COLUMNS)) dut (
      .clk(clk && 32'(select) == n), .rst, .mode, .array_rows, .array_columns, .rows_total, .columns_total, .repeats, .steps,
      .west_gain, .west_cost, .north_gain, .north_cost, .result_gain, .result_cost,
      .west_read(reads[n].west_read), .west_first(reads[n].west_first),
      .west_fold(reads[n].west_fold), .west_step(reads[n].west_step), .west(west[0:ROWS-1]),
      .north_read(reads[n].north_read), .north_fold(reads[n].north_fold),
      .north_step(reads[n].north_step), .north(north[0:COLUMNS-1]),
      .result_valid(valid), .result(value), .added(add), .gated(gate)
    );
    assign valids[n] = MOST'(valid);
    for (genvar j = 0; j < MOST; j++) begin : lane
      assign results[n][j] = j < COLUMNS ? value[j < COLUMNS ? j : 0] : '0;
      assign adds[n][j] = j < ROWS ? MOST'(add[j < ROWS ? j : 0]) : '0;
      assign gates[n][j] = j < ROWS ? MOST'(gate[j < ROWS ? j : 0]) : '0;
    end
  end

  assign {west_read, west_first, west_fold, west_step, north_read, north_fold, north_step} =
      reads[select];
  assign result_valid = valids[select];
  assign result = results[select];
  assign added = adds[select];
  assign gated = gates[select];
endmodule
