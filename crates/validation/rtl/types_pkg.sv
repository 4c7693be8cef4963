// Words that every module uses.
package types_pkg;

  // What a PE computes with.
  typedef enum logic [1:0] {
    BINARY  = 2'd0,  // weight bit: 0 = -1, 1 = +1; activation INT8
    TERNARY = 2'd1,  // weight: two's complement trit 00, 01, 11; activation INT8
    INT8    = 2'd2,
    BF16    = 2'd3   // products and sums FP32
  } kind_t;

  // Straps: constant while the array works. A design with one mode ties them to constants, and
  // synthesis removes what is not used.
  typedef struct packed {
    kind_t      kind;
    logic       output_stationary;  // else a stationary operand is loaded first
    logic       activation_stays;   // IS: the stationary operand is the activation
    logic       overlapped;         // shadow registers
    logic [2:0] interval;           // cycles of a step in a PE, 1..4
    logic [2:0] latency;            // PE pipeline stages, 1..5
  } mode_t;

  // What travels with an operand from the west.
  typedef struct packed {
    logic valid;
    logic first;  // first step of a fold
    logic last;   // last step of a fold
    logic leave;  // this row is the last in use: its sums leave through the tap (WS, IS)
  } tag_t;

  // Drain of OS results, travelling east.
  typedef struct packed {
    logic take;   // take the result of the PE above
    logic give;   // the PE's own has been taken, by the PE below or by the tap
    logic leave;  // it was the tap: this is the last row in use
  } drain_t;

endpackage
