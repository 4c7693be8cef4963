// Runs GEMMs on the arrays of top.sv: the scratchpads, the stopwatch and nothing else.
//
// One case a line on standard input:
//   rows columns kind dataflow overlapped interval latency m n k repeat  a_elements a_cycles
//   b_elements b_cycles c_elements c_cycles seed
// kind 0 binary, 1 ternary, 2 INT8, 3 BF16; dataflow 0 OS, 1 WS, 2 IS; rates 0 0 = unlimited.
// One line for each on standard output:
//   total gated hash  and for each fold  first_operand,last_mac,last_result
// hash: FNV-1a of C, row by row, each value as four little-endian bytes. Cycle 0 is the first in
// which an operand can stand at the array's edge.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

enum Kind { BINARY, TERNARY, INT8, BF16 };
enum Dataflow { OS, WS, IS };

struct Case {
  int rows, columns, kind, dataflow, overlapped, interval, latency, m, n, k, repeat;
  int rate[3][2];  // A, B, C: elements, cycles
  uint64_t seed;
};

// The operands are not sent, but drawn on both sides from the seed.
struct SplitMix {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
};

uint16_t bf16(uint64_t r, uint64_t seed) {
  uint64_t exponent = 119 + (r >> 16) % 16;               // sums that round
  if (seed % 4 == 2) exponent = 45 + (r >> 16) % 40;      // products around the subnormals
  if (seed % 4 == 3 && (r >> 32) % 16 == 0) return r;     // anything, infinities and NaN too
  return (r & 0x807F) | exponent << 7;
}

uint16_t draw(SplitMix &random, int kind, bool weight, uint64_t seed) {
  uint64_t r = random.next();
  if (kind == BF16) return bf16(r, seed);
  if (!weight || kind == INT8) return r & 0xFF;
  if (kind == BINARY) return r & 1;
  const uint16_t trits[] = {0, 1, 3};
  return trits[r % 3];
}

uint32_t add(uint32_t a, uint32_t b, int kind) {
  if (kind != BF16) return a + b;
  float x, y;
  std::memcpy(&x, &a, 4);
  std::memcpy(&y, &b, 4);
  float sum = x + y;
  uint32_t bits;
  std::memcpy(&bits, &sum, 4);
  return std::isnan(sum) ? 0x7FC00000u : bits;
}

struct Fold {
  int part, row, column, rows, columns;  // which GEMM, place in it, and size
  long first = -1, last_mac = -1, last_result = -1;
};

class Run {
 public:
  Run(Vtop &top, const Case &c) : top(top), c(c) {
    SplitMix random{c.seed};
    for (int part = 0; part < c.repeat; part++) {
      for (int x = 0; x < c.m * c.k; x++) a.push_back(draw(random, c.kind, false, c.seed));
      for (int x = 0; x < c.k * c.n; x++) b.push_back(draw(random, c.kind, true, c.seed));
    }
    result.assign(size_t(c.repeat) * c.m * c.n, 0);
    sr = c.dataflow == OS ? c.m : c.k;
    sc = c.dataflow == IS ? c.m : c.n;
    steps = c.dataflow == OS ? c.k : c.dataflow == WS ? c.m : c.n;
    for (int part = 0; part < c.repeat; part++)
      for (int column = 0; column < sc; column += c.columns)
        for (int row = 0; row < sr; row += c.rows)
          folds.push_back({part, row, column, std::min(c.rows, sr - row), std::min(c.columns, sc - column)});
  }

  // False if the array does not finish, or gives more than was asked for.
  bool run() {
    configure();
    for (int i = 0; i < 2; i++) tick();
    top.rst = 0;
    long expected = 0;
    for (auto &fold : folds) expected += long(fold.columns) * (c.dataflow == OS ? fold.rows : steps);
    std::vector<Walk> taps(c.columns);
    std::vector<Walk> corners(folds.size());
    long limit = 1000000 + 100 * expected;
    for (long cycle = 0; expected > 0; cycle++) {
      if (cycle > limit || surplus) return false;
      tick();
      supply();
      if (top.west_first) folds[top.west_fold].first = cycle;
      observe_adds(cycle);
      for (int j = 0; j < c.columns; j++)
        if (top.result_valid >> j & 1) {
          take(taps[j], j, cycle);
          expected--;
        }
    }
    return !surplus;
  }

  void print() const {
    uint64_t hash = 0xCBF29CE484222325ull;
    for (uint32_t value : result)
      for (int byte = 0; byte < 4; byte++)
        hash = (hash ^ (value >> (8 * byte) & 0xFF)) * 0x100000001B3ull;
    long total = 0;
    for (auto &fold : folds) total = std::max(total, fold.last_result);
    std::printf("%ld %ld %016llx", total, gated, (unsigned long long)hash);
    for (auto &fold : folds) std::printf(" %ld,%ld,%ld", fold.first, fold.last_mac, fold.last_result);
    std::printf("\n");
  }

 private:
  // How far a column's tap, or a corner PE, has come through the folds.
  struct Walk {
    size_t fold = 0;
    int count = 0;
  };

  Vtop &top;
  const Case &c;
  std::vector<uint16_t> a, b;
  std::vector<uint32_t> result;
  std::vector<Fold> folds;
  int sr, sc, steps, array = -1;
  long gated = 0;
  bool surplus = false;  // more sums or results than the GEMM has
  Walk corner[4];

  void tick() {
    top.clk = 1;
    top.eval();
    top.clk = 0;
    top.eval();
  }

  void configure() {
    top.eval();
    const int arrays = sizeof(top.size_rows) / sizeof(top.size_rows[0]);
    int area = 0;
    for (int n = 0; n < arrays; n++) {
      int rows = top.size_rows[n], columns = top.size_columns[n];
      if (rows >= c.rows && columns >= c.columns && (array < 0 || rows * columns < area)) {
        array = n;
        area = rows * columns;
      }
    }
    top.rst = 1;
    top.select = array;
    top.array_rows = c.rows;
    top.array_columns = c.columns;
    top.kind = c.kind;
    top.output_stationary = c.dataflow == OS;
    top.activation_stays = c.dataflow == IS;
    top.overlapped = c.overlapped;
    top.interval = c.interval;
    top.latency = c.latency;
    top.rows_total = sr;
    top.columns_total = sc;
    top.repeats = c.repeat;
    top.steps = steps;
    const int *west = c.rate[c.dataflow == IS ? 1 : 0], *north = c.rate[c.dataflow == IS ? 0 : 1];
    top.west_gain = west[0];
    top.west_cost = west[1];
    top.north_gain = north[0];
    top.north_cost = north[1];
    top.result_gain = c.rate[2][0];
    top.result_cost = c.rate[2][1];
  }

  uint16_t at_a(const Fold &f, int row, int column) const {
    return a[(size_t(f.part) * c.m + row) * c.k + column];
  }

  uint16_t at_b(const Fold &f, int row, int column) const {
    return b[(size_t(f.part) * c.k + row) * c.n + column];
  }

  // Answers the reads of this cycle; lanes out of use get rubbish.
  void supply() {
    if (top.west_read) {
      const Fold &f = folds[top.west_fold];
      int t = top.west_step;
      for (int i = 0; i < c.rows; i++) {
        if (i >= f.rows) top.west[i] = 0xA5A5;
        else if (c.dataflow == OS) top.west[i] = at_a(f, f.row + i, t);
        else if (c.dataflow == WS) top.west[i] = at_a(f, t, f.row + i);
        else top.west[i] = at_b(f, f.row + i, t);
      }
    }
    if (top.north_read) {
      const Fold &f = folds[top.north_fold];
      int t = top.north_step;
      for (int j = 0; j < c.columns; j++) {
        if (j >= f.columns) top.north[j] = 0x5A5A;
        else if (c.dataflow == OS) top.north[j] = at_b(f, t, f.column + j);
        else if (c.dataflow == WS) top.north[j] = at_b(f, f.row + t, f.column + j);
        else top.north[j] = at_a(f, f.column + j, f.row + t);
      }
    }
  }

  // The last PE of a fold has completed its sum. Folds have at most four sizes, so four corners.
  void observe_adds(long cycle) {
    const int heights[] = {std::min(c.rows, sr), sr % c.rows}, widths[] = {std::min(c.columns, sc), sc % c.columns};
    for (int corner_index = 0; corner_index < 4; corner_index++) {
      int rows = heights[corner_index / 2], columns = widths[corner_index % 2];
      if (rows == 0 || columns == 0 || !(top.added[rows - 1] >> (columns - 1) & 1)) continue;
      Walk &walk = corner[corner_index];
      while (walk.fold < folds.size() && (folds[walk.fold].rows < rows || folds[walk.fold].columns < columns))
        walk.fold++;
      if (walk.fold == folds.size()) {
        surplus = true;
        continue;
      }
      if (++walk.count < steps) continue;
      Fold &f = folds[walk.fold++];
      if (f.rows == rows && f.columns == columns) f.last_mac = cycle;
      walk.count = 0;
    }
    if (c.kind == TERNARY)
      for (int i = 0; i < c.rows; i++) gated += __builtin_popcount(top.gated[i]);
  }

  // A result has left column j.
  void take(Walk &walk, int j, long cycle) {
    while (walk.fold < folds.size() && folds[walk.fold].columns <= j) walk.fold++;
    if (walk.fold == folds.size()) {
      surplus = true;
      return;
    }
    Fold &f = folds[walk.fold];
    int x = walk.count++;
    uint32_t value = top.result[j];
    int row = c.dataflow == OS ? f.row + f.rows - 1 - x : c.dataflow == WS ? x : f.column + j;
    int column = c.dataflow == IS ? x : f.column + j;
    size_t place = (size_t(f.part) * c.m + row) * c.n + column;
    bool sums = c.dataflow != OS && f.row > 0;
    result[place] = sums ? add(result[place], value, c.kind) : value;
    f.last_result = std::max(f.last_result, cycle);
    if (walk.count == (c.dataflow == OS ? f.rows : steps)) {
      walk.count = 0;
      walk.fold++;
    }
  }
};

}  // namespace

int main(int argc, char **argv) {
  auto context = std::make_unique<VerilatedContext>();
  context->commandArgs(argc, argv);
  auto top = std::make_unique<Vtop>(context.get());
  Case c;
  while (std::scanf("%d %d %d %d %d %d %d %d %d %d %d", &c.rows, &c.columns, &c.kind, &c.dataflow,
                    &c.overlapped, &c.interval, &c.latency, &c.m, &c.n, &c.k, &c.repeat) == 11) {
    for (auto &rate : c.rate)
      if (std::scanf("%d %d", &rate[0], &rate[1]) != 2) return 2;
    unsigned long long seed;
    if (std::scanf("%llu", &seed) != 1) return 2;
    c.seed = seed;
    Run run(*top, c);
    if (run.run()) run.print();
    else std::printf("failed\n");
    std::fflush(stdout);
  }
  top->final();
}
