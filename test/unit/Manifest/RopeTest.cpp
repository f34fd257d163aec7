//===- RopeTest.cpp - Inverse frequencies against transformers ------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace qzc;

TEST(Rope, WithinUlpsOfTransformers) {
  mlir::MLIRContext context;
  context.loadDialect<qz::QzDialect>();
  std::ifstream golden(QZC_TEST_DATA "/golden/rope_frequencies.txt");
  ASSERT_TRUE(golden);
  size_t cases = 0;
  for (std::string line; std::getline(golden, line); ++cases) {
    std::istringstream in(line);
    int64_t dim = 0;
    int64_t original = 0;
    int64_t positions = 0;
    double theta = 0;
    double factor = 0;
    double low = 0;
    double high = 0;
    std::string scaling;
    in >> dim >> theta >> scaling >> factor >> low >> high >> original >>
        positions;
    std::ostringstream text;
    text << std::scientific << "#qz.rope<dim = " << dim << ", theta = " << theta
         << ", style = half";
    if (scaling != "none")
      text << ", scaling = " << scaling << ", factor = " << factor;
    if (scaling == "llama3")
      text << ", low_freq_factor = " << low << ", high_freq_factor = " << high;
    if (scaling == "llama3" || scaling == "dynamic")
      text << ", original_context = " << original;
    text << ">";
    auto rope = llvm::dyn_cast_or_null<qz::RopeAttr>(
        mlir::parseAttribute(text.str(), &context));
    ASSERT_TRUE(rope) << text.str();
    const std::vector<float> frequencies =
        format::frequenciesIn(rope.toPlan(), positions);
    ASSERT_EQ(frequencies.size(), static_cast<size_t>(dim / 2));
    for (float frequency : frequencies) {
      int32_t bits = 0;
      std::memcpy(&bits, &frequency, sizeof(bits));
      std::string word;
      ASSERT_TRUE(in >> word);
      auto expected = static_cast<int32_t>(std::stoul(word, nullptr, 16));
      // A theta that has grown is rounded to f32 by transformers.
      const int most = scaling == "dynamic" ? 2 : 1;
      EXPECT_LE(std::abs(bits - expected), most) << line.substr(0, 40);
    }
  }
  EXPECT_GE(cases, 11u);
}
