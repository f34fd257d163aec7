//===- MatvecTest.cpp - Scales by words of two, places of teams -----------===//

#include "Emulator.h"

#include "MatvecTensor.cuh"

#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace qzc::kernels;

namespace {
constexpr int kColumns = 768;
constexpr int kChunks = kColumns / 32;

/// Two groups a warp; of four warps that share rows three have columns.
constexpr MatvecTensor::Config configOf(Storage storage, int rows) {
  MatvecTensor::Config config = {};
  config.layer.inputs = kColumns;
  config.layer.parts[0].rows = config.layer.parts[1].rows = rows;
  config.layer.gated = true;
  config.layer.weight.storage = storage;
  config.layer.weight.block = 32;
  config.splitK = 4;
  config.splitN = 2;
  config.tiles = 3;
  return config;
}
constexpr unsigned kRowsOfBlock = 2 * 3 * 8;

template <Storage S, int Rows> void run(void **args) {
  matvecTensor<configOf(S, Rows)>(
      *static_cast<MatvecTensor::Args<Value> *>(args[0]));
}

struct Product {
  double sum = 0;
  double size = 0; ///< that of its terms
};

template <Storage S, int Rows> void checkRows() {
  using W = WeightsOf<configOf(S, Rows).layer.weight>;
  unsigned state = Rows;
  const auto random = [&] {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
  };
  // Gate rows, then up rows.
  std::vector<uint4> codes(4 * Rows * kChunks); // of up to 8 bits
  std::vector<unsigned> scales(Rows * kChunks);
  std::vector<float4> x(kColumns / 4);
  auto *bytes = reinterpret_cast<unsigned char *>(codes.data());
  auto *halves = reinterpret_cast<unsigned short *>(scales.data());
  auto *input = &x[0].x;
  for (size_t i = 0; i != codes.size() * 16; ++i)
    bytes[i] = static_cast<unsigned char>(random());
  for (int i = 0; i != 2 * Rows * kChunks; ++i) // of 1 to 8
    halves[i] = static_cast<unsigned short>(0x3c00 + random() % 0xc00);
  for (int i = 0; i != kColumns; ++i)
    input[i] = static_cast<float>(random()) / (1 << 23) - 1;
  const auto productOf = [&](int row) {
    Product product;
    for (int c = 0; c != kColumns; ++c) {
      const double term =
          double(W::at(bytes, halves, row * kColumns + c)) * input[c];
      product.sum += term;
      product.size += std::fabs(term);
    }
    return product;
  };

  std::vector<float> out(Rows);
  MatvecTensor::Args<Value> values = {};
  MatvecArgs<Value> &matvec = values.matvec;
  matvec.x = {input, kColumns};
  for (int side = 0; side != 2; ++side) {
    matvec.layer.parts[side].weight = {codes.data(), scales.data()};
    matvec.layer.parts[side].begin = side * Rows;
  }
  matvec.layer.out = {out.data(), Rows};
  void *args[] = {&values};
  qzc::emulator::runGrid({"matvecTensor", &run<S, Rows>}, args,
                         {1, (Rows + kRowsOfBlock - 1) / kRowsOfBlock, 1}, 256,
                         65536, {});
  for (int row = 0; row != Rows; ++row) {
    const Product gate = productOf(row);
    const Product up = productOf(Rows + row);
    EXPECT_NEAR(
        out[size_t(row)], gate.sum * up.sum,
        1e-6 * (gate.size * std::fabs(up.sum) + up.size * std::fabs(gate.sum)))
        << "row " << row;
  }
}

template <Storage S> void check() {
  static_assert(hasChunkScales(configOf(S, 1).layer.weight));
  SCOPED_TRACE(static_cast<int>(S));
  checkRows<S, 96>();
  checkRows<S, 75>(); // the last tiles are not whole, or not there
}

TEST(MatvecTest, PutsScalesWhereTheyBelong) {
  check<Storage::Q4_0>();
  check<Storage::Q5_0>();
  check<Storage::Int4>();
  check<Storage::Int3>();
  check<Storage::Int2>();
}

/// Teams do not wait for each other: a place of two is a race, though both
/// would write the same.
TEST(MatvecTest, TeamsHaveZerosOfTheirOwn) {
  for (const int perChunk : {16, 32})
    for (const int groups : {1, 3, 18, 64})
      for (const int teams : {1, 2, 4, 8, 16, 32}) {
        const qzc::LoneInput input = {groups, perChunk, teams};
        std::set<int> places; // of quads
        const auto take = [&](int begin, int bytes) {
          for (int place = begin; place != begin + bytes; place += 16)
            EXPECT_TRUE(place % 16 == 0 && places.insert(place).second);
        };
        for (const int half : {0, input.halfOfBytes()}) {
          take(half, input.elements());
          take(half + input.byteStride(), input.elements());
          for (int team = 0; team != teams; ++team)
            take(half + input.zeros() + team * qzc::LoneInput::kZeros,
                 qzc::LoneInput::kZeros);
        }
        EXPECT_EQ(*places.rbegin() + 16 + 8 * input.chunks(),
                  input.byteBytes());
      }
}
} // namespace
