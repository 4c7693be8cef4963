// Delays lane i by i cycles: what turns a vector into a wavefront.
module skew #(
  parameter int LANES = 4,
  parameter int WIDTH = 16
) (
  input  logic clk,
  input  logic rst,
  input  logic [WIDTH-1:0] from [LANES],
  output logic [WIDTH-1:0] to   [LANES]
);
  // Lane i uses stages 0..i-1 of its line; the last of these is its output.
  logic [WIDTH-1:0] line [LANES][LANES];
  always_comb begin
    for (int i = 0; i < LANES; i++) to[i] = i == 0 ? from[i] : line[i][i == 0 ? 0 : i-1];
  end
  // From the end of each line, so that a stage reads what the one before it held.
  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    for (int i = 1; i < LANES; i++) begin : lane
      for (int s = LANES - 1; s > 0; s--) begin
        if (s < i) line[i][s] = rst ? '0 : line[i][s-1];
      end
      line[i][0] = rst ? '0 : from[i];
    end
  end
  /* verilator lint_on BLKSEQ */
endmodule
