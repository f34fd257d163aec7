//===- RopeTest.cpp - Rotary frequencies against transformers -------------===//
//
// The golden values are transformers' inverse frequencies for heads of 64: its
// ROPE_INIT_FUNCTIONS of "linear" and "llama3", and 1 / base ** (2i / dim) in
// float32 without scaling.
//
//===----------------------------------------------------------------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/MLIRContext.h"

#include <cmath>
#include <gtest/gtest.h>

namespace qzc::qz {
namespace {

const float defaultGolden[] = {
    1.0F,
    0.697830558F,
    0.486967534F,
    0.339820832F,
    0.237137362F,
    0.165481701F,
    0.115478203F,
    0.0805842131F,
    0.0562341288F,
    0.0392418988F,
    0.0273841955F,
    0.0191095304F,
    0.0133352149F,
    0.00930572022F,
    0.00649381662F,
    0.00453158375F,
    0.00316227786F,
    0.00220673415F,
    0.00153992651F,
    0.00107460783F,
    0.000749894185F,
    0.000523299095F,
    0.000365174114F,
    0.000254829676F,
    0.00017782794F,
    0.000124093771F,
    8.65964321e-05F,
    6.04296365e-05F,
    4.21696532e-05F,
    2.94272722e-05F,
    2.05352499e-05F,
    1.43301268e-05F,
};

const float linearGolden[] = {
    0.5F,
    0.374947101F,
    0.281170666F,
    0.210848257F,
    0.158113882F,
    0.118568681F,
    0.0889139697F,
    0.0666760728F,
    0.0500000007F,
    0.0374947079F,
    0.0281170644F,
    0.0210848246F,
    0.0158113893F,
    0.0118568679F,
    0.00889139716F,
    0.00666760746F,
    0.00499999989F,
    0.00374947116F,
    0.00281170662F,
    0.00210848241F,
    0.00158113893F,
    0.00118568691F,
    0.000889139716F,
    0.000666760723F,
    0.000500000024F,
    0.000374947092F,
    0.000281170651F,
    0.000210848244F,
    0.000158113893F,
    0.000118568692F,
    8.89139701e-05F,
    6.66760752e-05F,
};

const float llama3Golden[] = {
    1.0F,
    0.663601279F,
    0.440366626F,
    0.292227834F,
    0.193922758F,
    0.128687382F,
    0.0853971019F,
    0.0566696189F,
    0.0376060307F,
    0.0249554086F,
    0.0165604409F,
    0.0109895291F,
    0.00729266508F,
    0.00483942125F,
    0.00321144611F,
    0.00129054801F,
    0.000429556705F,
    9.70828623e-05F,
    1.94616387e-05F,
    1.29147675e-05F,
    8.57025589e-06F,
    5.68723226e-06F,
    3.77405445e-06F,
    2.50446715e-06F,
    1.66196742e-06F,
    1.10288363e-06F,
    7.31874934e-07F,
    4.85673127e-07F,
    3.22293289e-07F,
    2.1387423e-07F,
    1.41927202e-07F,
    9.41830649e-08F,
};

/// Within two units in the last place: pow differs between libraries.
template <size_t Size>
void expectClose(RopeAttr rope, const float (&golden)[Size]) {
  std::vector<float> frequencies = rope.getInverseFrequencies();
  ASSERT_EQ(frequencies.size(), Size);
  for (size_t i = 0; i < Size; ++i)
    EXPECT_NEAR(frequencies[i], golden[i], golden[i] * 0x1p-22F) << i;
}

RopeAttr makeRope(mlir::MLIRContext &context, double theta, RopeScaling scaling,
                  double factor) {
  context.loadDialect<QzDialect>();
  return RopeAttr::get(&context, 64, llvm::APFloat(theta), RopeStyle::Half,
                       scaling, llvm::APFloat(factor), llvm::APFloat(1.0),
                       llvm::APFloat(4.0), 8192, llvm::APFloat(1.0), {}, {});
}

TEST(Rope, AgreesWithTransformers) {
  mlir::MLIRContext context;
  expectClose(makeRope(context, 1e5, RopeScaling::None, 1.0), defaultGolden);
  expectClose(makeRope(context, 1e4, RopeScaling::Linear, 2.0), linearGolden);
  expectClose(makeRope(context, 5e5, RopeScaling::Llama3, 32.0), llama3Golden);
}

} // namespace
} // namespace qzc::qz
