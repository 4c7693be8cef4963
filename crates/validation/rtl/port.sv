// A scratchpad port of limited rate: tokens, of which one element costs `cost`.
//
// Each cycle of a stream brings `gain` tokens, the first one included; a stream begins with none.
// A step may pass when the tokens for all its elements are there. gain = 0: a port that never
// waits. Tokens beyond one step and one cycle are lost: the port does not read ahead further.
module port (
  input  logic        clk,
  input  logic        rst,
  input  logic        begins,    // first cycle of a stream
  input  logic        running,   // a cycle of a stream
  input  logic [15:0] gain,
  input  logic [15:0] cost,
  input  logic [7:0]  elements,  // of one step
  output logic        ready,     // a step may pass
  input  logic        pass       // it does
);
  logic [31:0] need, level, now;
  assign need = 32'(cost) * 32'(elements);
  assign now = (begins ? 32'd0 : level) + 32'(gain);
  assign ready = gain == 0 || now >= need;
  always_ff @(posedge clk) begin
    if (rst) level <= '0;
    else if (pass) level <= now - need;
    else if (running) level <= now > need + 32'(gain) ? need + 32'(gain) : now;
  end
endmodule
