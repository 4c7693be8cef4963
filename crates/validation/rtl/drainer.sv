// Grants the rows of an OS fold their turn at the result port, and tells the PEs when to shift.
//
// Grants run ahead: the port is asked from the cycle after the fold's last step enters, and each
// grant then waits in a line until the sums it is for are complete. So the controller knows early
// when the results will have left, and the next fold's last step can follow just behind.
module drainer
  import types_pkg::*;
#(
  parameter int ROWS = 4
) (
  input  logic        clk,
  input  logic        rst,
  input  mode_t       mode,
  input  logic [15:0] port_gain,
  input  logic [15:0] port_cost,
  input  logic        last_step,   // a fold's last step enters in this cycle
  input  logic [7:0]  fold_rows,   // of that fold
  input  logic [7:0]  fold_columns,
  output logic        granting_last,
  output logic        idle,
  output logic [7:0]  rows,        // of the fold that drains, or drained last
  output drain_t      drain [ROWS]
);
  // Longest wait: interval 4, latency 5, all rows.
  localparam int LINE = ROWS + 7;
  typedef struct packed {
    logic       valid;
    logic [7:0] turn;  // number of the shift
    logic [7:0] rows;
  } grant_t;
  grant_t line [LINE], line_next [LINE];

  logic       active, fresh, ready, grant;
  logic [7:0] turn, columns;
  port result_port (
    .clk, .rst, .begins(fresh), .running(active), .gain(port_gain), .cost(port_cost),
    .elements(columns), .ready, .pass(grant)
  );
  assign grant = active && ready;
  assign granting_last = grant && turn + 1 == rows;
  assign idle = !active;

  always_ff @(posedge clk) begin
    fresh <= last_step && !rst;
    line <= line_next;
    if (last_step) begin
      active <= 1'b1;
      turn <= '0;
      rows <= fold_rows;
      columns <= fold_columns;
    end else if (grant) begin
      active <= !granting_last;
      turn <= turn + 1;
    end
    if (rst) active <= 1'b0;
  end

  // The sums of the last row are complete interval + latency - 1 + rows - 1 cycles after the
  // step; the line and the edge register take the rest.
  logic [7:0] place;
  assign place = 8'(mode.interval) + 8'(mode.latency) + rows - 3;
  always_comb begin
    for (int s = 0; s < LINE; s++) begin : stage
      line_next[s] = s + 1 < LINE ? line[s + 1 < LINE ? s + 1 : 0] : '0;
      if (grant && s == int'(place)) line_next[s] = '{1'b1, turn, rows};
      if (rst) line_next[s] = '0;
    end
  end

  // At turn k, row i gives if one of its own or of the i rows above it has still to pass, and takes
  // if it is one from above.
  for (genvar i = 0; i < ROWS; i++) begin : row
    logic used;
    assign used = line[0].valid && i < int'(line[0].rows);
    assign drain[i].take = used && int'(line[0].turn) < i;
    assign drain[i].give = used && int'(line[0].turn) <= i;
    assign drain[i].leave = line[0].valid && i + 1 == int'(line[0].rows);
  end
endmodule
