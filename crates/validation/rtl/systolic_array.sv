// ROWS x COLUMNS PEs, and a tap for each column.
//
//             north: operand (OS), or tile to keep      above: sum or result
//                 |                                       |
//   west  ----> [hold] -> product -> [L-1 stages] ------> + -> sum
//                 |                                       |
//   east <-----[reg]            south <--[reg]            v below, or tap
//
// A step stays in its PE for `interval` cycles; the product is taken in the last of them, passes
// latency - 1 registers, and is added in the cycle after the last of these (for interval 1 and
// latency 1: in the cycle in which the operands arrive).
//
// A tap reads the PE that says its sum leaves, which is one in the last row in use, into a
// register. So a fold of few rows does not pay for the rows below it.
//
// The PEs are one loop over arrays of registers, from the south-east to the north-west, so that
// each PE reads what its neighbours to the north and west held before the edge.
module systolic_array
  import types_pkg::*;
  import pe_pkg::*;
#(
  parameter int ROWS = 4,
  parameter int COLUMNS = 4
) (
  input  logic        clk,
  input  logic        rst,
  input  mode_t       mode,
  input  tag_t        west_tag   [ROWS],
  input  logic [15:0] west       [ROWS],
  input  drain_t      west_drain [ROWS],
  input  logic        north_valid[COLUMNS],
  input  logic [15:0] north      [COLUMNS],
  output logic [COLUMNS-1:0] result_valid,
  output logic [31:0] result [COLUMNS],
  output logic [COLUMNS-1:0] added [ROWS],  // a sum was completed at the last edge
  output logic [COLUMNS-1:0] gated [ROWS]   // and its weight was a zero trit
);
  // Operands on their way, with what accompanies them.
  tag_t        east_tag    [ROWS][COLUMNS];
  logic [15:0] east        [ROWS][COLUMNS];
  drain_t      east_drain  [ROWS][COLUMNS];
  logic        south_valid [ROWS][COLUMNS];
  logic [15:0] south       [ROWS][COLUMNS];
  // The stationary operand. Serial: one register, free when the fold's last step has passed.
  // Overlapped: the next fold's operand waits in the shadow, and moves over with the first step.
  logic [15:0] active      [ROWS][COLUMNS];
  logic        kept        [ROWS][COLUMNS];
  logic [15:0] shadow      [ROWS][COLUMNS];
  logic        waiting     [ROWS][COLUMNS];
  // The step that stays for its interval, and the cycles left to it.
  logic [15:0] held_a      [ROWS][COLUMNS];
  logic [15:0] held_w      [ROWS][COLUMNS];
  tag_t        held_tag    [ROWS][COLUMNS];
  logic [2:0]  left        [ROWS][COLUMNS];
  // The pipeline between product and sum: registers 1..4.
  tag_t        stage_tag   [ROWS][COLUMNS][5];
  logic        stage_gated [ROWS][COLUMNS][5];
  logic [31:0] stage       [ROWS][COLUMNS][5];
  // The sum (OS: stays; WS, IS: moves south), and the finished result of an overlapped OS fold.
  logic [31:0] sum         [ROWS][COLUMNS];
  logic [31:0] finished    [ROWS][COLUMNS];
  logic        ready       [ROWS][COLUMNS];  // OS: there is a result to drain
  logic        leaves      [ROWS][COLUMNS];  // WS, IS: the sum is for the tap

  logic shadowed;  // results leave from `finished`
  assign shadowed = mode.output_stationary && mode.overlapped;

  // Nobody else writes or reads these registers at the edge, so the order of this block is all
  // that matters.
  /* verilator lint_off BLKSEQ */
  always_ff @(posedge clk) begin
    // The taps first: they read what the PEs held before the edge.
    for (int j = 0; j < COLUMNS; j++) begin : tap
      logic reads, found;
      found = 1'b0;
      for (int i = 0; i < ROWS; i++) begin : row
        reads = !mode.output_stationary ? leaves[i][j]
              : ready[i][j] && (j == 0 ? west_drain[i].leave : east_drain[i][j == 0 ? 0 : j-1].leave);
        if (reads && !rst) begin
          // Two sums at a tap would be a hazard that the controller did not keep.
          assert (!found) else $fatal(1, "two sums meet at the tap of column %0d", j);
          result[j] = shadowed ? finished[i][j] : sum[i][j];
          found = 1'b1;
        end
      end
      result_valid[j] = found;
    end

    for (int i = ROWS - 1; i >= 0; i--) begin : row
      for (int j = COLUMNS - 1; j >= 0; j--) begin : pe
        tag_t        tag;
        drain_t      drain;
        logic        valid, step, swap, keep, used, zero;
        logic [15:0] w, n, fixed, a, b;
        logic [31:0] above, product, next;

        // What the neighbours hold; at the edges, what the feeders send.
        tag   = j == 0 ? west_tag[i]    : east_tag[i][j == 0 ? 0 : j-1];
        w     = j == 0 ? west[i]        : east[i][j == 0 ? 0 : j-1];
        drain = j == 0 ? west_drain[i]  : east_drain[i][j == 0 ? 0 : j-1];
        valid = i == 0 ? north_valid[j] : south_valid[i == 0 ? 0 : i-1][j];
        n     = i == 0 ? north[j]       : south[i == 0 ? 0 : i-1][j];
        above = i == 0 ? '0
              : shadowed ? finished[i == 0 ? 0 : i-1][j] : sum[i == 0 ? 0 : i-1][j];

        // Stationary operand: the first that meets an empty register stays, the others pass.
        step = tag.valid && (!mode.output_stationary || valid);
        swap = mode.overlapped && tag.valid && tag.first;
        if (swap) begin
          active[i][j] = shadow[i][j];
          kept[i][j] = waiting[i][j];
          waiting[i][j] = 1'b0;
        end
        fixed = mode.output_stationary ? n : active[i][j];
        used = step && (mode.output_stationary || kept[i][j]);
        keep = valid && !mode.output_stationary && !(mode.overlapped ? waiting[i][j] : kept[i][j]);
        if (!mode.overlapped && tag.valid && tag.last) kept[i][j] = 1'b0;
        if (keep && mode.overlapped) begin
          shadow[i][j] = n;
          waiting[i][j] = 1'b1;
        end else if (keep) begin
          active[i][j] = n;
          kept[i][j] = 1'b1;
        end

        // Operands pass on.
        east_tag[i][j] = tag;
        east[i][j] = w;
        east_drain[i][j] = drain;
        south_valid[i][j] = valid && !keep;
        south[i][j] = n;

        // The step stays for its interval; in its last cycle comes the product.
        a = mode.activation_stays ? fixed : w;
        b = mode.activation_stays ? w : fixed;
        if (mode.interval != 1) begin : hold
          logic ends;
          logic [15:0] last_a, last_b;
          tag_t last_tag;
          ends = left[i][j] == 1;
          last_a = held_a[i][j];
          last_b = held_w[i][j];
          last_tag = held_tag[i][j];
          if (left[i][j] != 0) left[i][j] = left[i][j] - 1;
          if (used) begin
            held_a[i][j] = a;
            held_w[i][j] = b;
            held_tag[i][j] = tag;
            left[i][j] = mode.interval - 1;
          end
          used = ends;
          a = last_a;
          b = last_b;
          tag = last_tag;
        end
        zero = is_gated(mode.kind, b);
        product = used ? multiply(mode.kind, a, b) : '0;
        tag.valid = used;

        // The pipeline.
        if (mode.latency != 1) begin : pipeline
          tag_t out_tag;
          logic out_zero;
          logic [31:0] out;
          out_tag = stage_tag[i][j][mode.latency-1];
          out_zero = stage_gated[i][j][mode.latency-1];
          out = stage[i][j][mode.latency-1];
          for (int s = 4; s > 1; s--) begin
            stage_tag[i][j][s] = stage_tag[i][j][s-1];
            stage_gated[i][j][s] = stage_gated[i][j][s-1];
            stage[i][j][s] = stage[i][j][s-1];
          end
          stage_tag[i][j][1] = tag;
          stage_gated[i][j][1] = zero;
          stage[i][j][1] = product;
          tag = out_tag;
          zero = out_zero;
          product = out;
        end

        // The sum. A result from above takes the place of one that has left. The last sum of an
        // overlapped OS fold goes to `finished`, so that the next fold may begin.
        if (drain.take && shadowed) finished[i][j] = above;
        else if (drain.take) sum[i][j] = above;
        if (drain.give) ready[i][j] = drain.take && i > 0 && ready[i == 0 ? 0 : i-1][j];
        if (tag.valid) begin
          next = !mode.output_stationary ? above : tag.first ? '0 : sum[i][j];
          next = plus(mode.kind, next, product);
          if (shadowed && tag.last) finished[i][j] = next;
          else sum[i][j] = next;
          if (mode.output_stationary && tag.last) ready[i][j] = 1'b1;
        end
        leaves[i][j] = tag.valid && tag.leave;
        added[i][j] = tag.valid;
        gated[i][j] = tag.valid && zero;

        if (rst) begin
          east_tag[i][j].valid = 1'b0;
          east_drain[i][j] = '0;
          south_valid[i][j] = 1'b0;
          kept[i][j] = 1'b0;
          waiting[i][j] = 1'b0;
          left[i][j] = '0;
          for (int s = 1; s < 5; s++) stage_tag[i][j][s].valid = 1'b0;
          ready[i][j] = 1'b0;
          leaves[i][j] = 1'b0;
          added[i][j] = 1'b0;
          gated[i][j] = 1'b0;
        end
      end
    end
  end
  /* verilator lint_on BLKSEQ */

endmodule
