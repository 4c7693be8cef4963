// The arithmetic of a PE.
package pe_pkg;
  import types_pkg::*;
  import float_pkg::*;

  // activation * weight, as the kind of PE makes it.
  function automatic logic [31:0] multiply(kind_t kind, logic [15:0] activation, logic [15:0] weight);
    logic [31:0] a;
    a = 32'(signed'(activation[7:0]));
    case (kind)
      BINARY:  return weight[0] ? a : -a;
      TERNARY: return !weight[0] ? '0 : weight[1] ? -a : a;
      INT8:    return a * 32'(signed'(weight[7:0]));
      BF16:    return bf16_multiply(activation, weight);
    endcase
  endfunction

  function automatic logic [31:0] plus(kind_t kind, logic [31:0] a, logic [31:0] b);
    return kind == BF16 ? fp32_add(a, b) : a + b;
  endfunction

  // A zero trit: the adder of the step need not toggle.
  function automatic logic is_gated(kind_t kind, logic [15:0] weight);
    return kind == TERNARY && !weight[0];
  endfunction

endpackage
