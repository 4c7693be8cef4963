// BF16 products and FP32 sums: round to nearest even, subnormals kept, one quiet NaN.
package float_pkg;

  localparam logic [31:0] QUIET_NAN = 32'h7FC0_0000;

  // The product of two BF16 numbers as FP32. Eight-bit significands give sixteen bits, so it is
  // exact unless it is subnormal.
  function automatic logic [31:0] bf16_multiply(logic [15:0] a, logic [15:0] b);
    /* verilator no_inline_task */
    logic sign;
    logic [15:0] product;
    logic [49:0] wide;
    logic [4:0] zeros;
    int exponent;
    sign = a[15] ^ b[15];
    if (a[14:7] == 8'hFF || b[14:7] == 8'hFF) begin
      // NaN if either is NaN, or for infinity times zero.
      if ((a[14:7] == 8'hFF && a[6:0] != 0) || (b[14:7] == 8'hFF && b[6:0] != 0)) return QUIET_NAN;
      if (a[14:0] == 0 || b[14:0] == 0) return QUIET_NAN;
      return {sign, 8'hFF, 23'd0};
    end
    product = 16'({a[14:7] != 0, a[6:0]}) * 16'({b[14:7] != 0, b[6:0]});
    if (product == 0) return {sign, 31'd0};
    zeros = 0;
    if (product[15:8] == 0) begin zeros += 5'd8; product <<= 8; end
    if (product[15:12] == 0) begin zeros += 5'd4; product <<= 4; end
    if (product[15:14] == 0) begin zeros += 5'd2; product <<= 2; end
    if (!product[15]) begin zeros += 5'd1; product <<= 1; end
    // A subnormal operand counts as exponent 1 without the hidden bit.
    exponent = (a[14:7] == 0 ? 1 : int'(a[14:7])) + (b[14:7] == 0 ? 1 : int'(b[14:7]))
             - 126 - int'(zeros);
    if (exponent >= 255) return {sign, 8'hFF, 23'd0};
    if (exponent >= 1) return {sign, 8'(exponent), product[14:0], 8'd0};
    // Subnormal: shift to exponent 1, round.
    if (1 - exponent > 26) return {sign, 31'd0};
    wide = {product, 34'd0} >> (1 - exponent);
    return {sign, 7'd0, wide[49:26] + 24'(wide[25] && (wide[24:0] != 0 || wide[26]))};
  endfunction

  // The sum of two FP32 numbers.
  function automatic logic [31:0] fp32_add(logic [31:0] a, logic [31:0] b);
    /* verilator no_inline_task */
    logic [31:0] greater, lesser;
    logic [26:0] shifted;
    logic [27:0] sum;
    logic [24:0] rounded;
    logic [8:0] exponent, distance, room;
    if (a[30:23] == 8'hFF || b[30:23] == 8'hFF) begin
      if ((a[30:23] == 8'hFF && a[22:0] != 0) || (b[30:23] == 8'hFF && b[22:0] != 0))
        return QUIET_NAN;
      if (a[30:23] == 8'hFF && b[30:23] == 8'hFF && a[31] != b[31]) return QUIET_NAN;
      return a[30:23] == 8'hFF ? a : b;
    end
    greater = a[30:0] >= b[30:0] ? a : b;
    lesser = a[30:0] >= b[30:0] ? b : a;
    exponent = greater[30:23] == 0 ? 9'd1 : {1'b0, greater[30:23]};
    distance = exponent - (lesser[30:23] == 0 ? 9'd1 : {1'b0, lesser[30:23]});
    // Three bits below the last place: guard, round, sticky.
    shifted = {lesser[30:23] != 0, lesser[22:0], 3'd0};
    if (distance > 26) shifted = {26'd0, shifted != 0};
    else if (distance != 0)
      shifted = (shifted >> distance) | 27'((shifted & ~(27'h7FF_FFFF << distance)) != 0);
    sum = {1'b0, greater[30:23] != 0, greater[22:0], 3'd0};
    sum = greater[31] == lesser[31] ? sum + {1'b0, shifted} : sum - {1'b0, shifted};
    if (sum == 0) return {a[31] & b[31], 31'd0};
    if (sum[27]) begin
      sum = {1'b0, sum[27:2], sum[1] | sum[0]};
      exponent += 1;
    end else begin
      // Left until the hidden bit stands in its place, or the exponent is at its least.
      room = exponent - 1;
      if (sum[26:11] == 0 && room >= 16) begin sum <<= 16; room -= 16; end
      if (sum[26:19] == 0 && room >= 8) begin sum <<= 8; room -= 8; end
      if (sum[26:23] == 0 && room >= 4) begin sum <<= 4; room -= 4; end
      if (sum[26:25] == 0 && room >= 2) begin sum <<= 2; room -= 2; end
      if (!sum[26] && room >= 1) begin sum <<= 1; room -= 1; end
      // What the steps above left over: room below a power of two.
      exponent = room + 1;
    end
    rounded = {1'b0, sum[26:3]} + 25'(sum[2] && (sum[1:0] != 0 || sum[3]));
    if (rounded[24]) begin
      rounded >>= 1;
      exponent += 1;
    end
    if (exponent >= 255) return {greater[31], 8'hFF, 23'd0};
    return {greater[31], rounded[23] ? exponent[7:0] : 8'd0, rounded[22:0]};
  endfunction

endpackage
