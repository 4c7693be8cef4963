// Sends the stationary tiles of WS and IS down the columns, row 0 first.
module loader (
  input  logic        clk,
  input  logic        rst,
  input  logic        enable,         // WS or IS
  input  logic [7:0]  array_rows,
  input  logic [7:0]  array_columns,
  input  logic [15:0] rows_total,
  input  logic [15:0] columns_total,
  input  logic [15:0] repeats,
  input  logic [15:0] port_gain,
  input  logic [15:0] port_cost,
  input  logic        may_begin,      // the registers of the next tile are free
  output logic        begins,         // the next tile's load begins in this cycle
  output logic        send,           // a row of the tile is sent
  output logic [31:0] fold,
  output logic [15:0] row,
  output logic [7:0]  columns,
  output logic        loaded          // the tile is complete with this row
);
  logic [7:0] rows;
  logic [7:0] next_rows;
  /* verilator lint_on UNUSEDSIGNAL */
  logic       done, active, running, ready;
  fold_walker folds (
    .clk, .rst, .array_rows, .array_columns, .rows_total, .columns_total, .repeats, .next(loaded),
    .rows, .columns, .next_rows, .fold, .done
  );
  assign begins = enable && !rst && !active && !done && may_begin;
  assign running = active || begins;
  port north_port (
    .clk, .rst, .begins, .running, .gain(port_gain), .cost(port_cost), .elements(columns),
    .ready, .pass(send)
  );
  assign send = running && ready;
  assign loaded = send && row + 1 == 16'(rows);
  always_ff @(posedge clk) begin
    if (rst) begin
      active <= 1'b0;
      row <= '0;
    end else begin
      active <= running && !loaded;
      if (send) row <= loaded ? '0 : row + 1;
    end
  end
endmodule
