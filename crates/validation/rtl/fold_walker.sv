// Walks the folds of a GEMM: down a block of columns, then the next block; then those of the next
// GEMM of the same shape.
module fold_walker (
  input  logic        clk,
  input  logic        rst,
  input  logic [7:0]  array_rows,     // PEs to cut to
  input  logic [7:0]  array_columns,
  input  logic [15:0] rows_total,     // spatial size along the rows
  input  logic [15:0] columns_total,
  input  logic [15:0] repeats,        // GEMMs
  input  logic        next,           // the fold is done
  output logic [7:0]  rows,           // rows that the fold uses
  output logic [7:0]  columns,
  output logic [7:0]  next_rows,      // rows of the fold after it
  output logic [31:0] fold,
  output logic        done            // no fold is left
);
  logic [15:0] rows_left, columns_left, repeats_left;
  logic        ragged, bottom, last_block;
  assign ragged = rows_left < 16'(array_rows);
  assign bottom = rows_left <= 16'(array_rows);
  assign last_block = columns_left <= 16'(array_columns);
  assign rows = ragged ? rows_left[7:0] : array_rows;
  assign columns = columns_left < 16'(array_columns) ? columns_left[7:0] : array_columns;
  assign done = repeats_left == 0;

  logic [15:0] below;
  assign below = bottom ? rows_total : rows_left - 16'(array_rows);
  assign next_rows = below < 16'(array_rows) ? below[7:0] : array_rows;

  always_ff @(posedge clk) begin
    if (rst) begin
      rows_left <= rows_total;
      columns_left <= columns_total;
      repeats_left <= repeats;
      fold <= '0;
    end else if (next) begin
      rows_left <= below;
      if (bottom) columns_left <= last_block ? columns_total : columns_left - 16'(columns);
      if (bottom && last_block) repeats_left <= repeats_left - 1;
      fold <= fold + 1;
    end
  end
endmodule
