//===- QzAttributes.cpp - #qz.rope ----------------------------------------===//

#include "qzc/Dialect/Qz/IR/QzDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;

#define GET_ATTRDEF_CLASSES
#include "qzc/Dialect/Qz/IR/QzAttributes.cpp.inc"

namespace qzc::qz {

void QzDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "qzc/Dialect/Qz/IR/QzAttributes.cpp.inc"
      >();
}

// The generated declaration takes its parameters by value.
// NOLINTBEGIN(performance-unnecessary-value-param)
LogicalResult RopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t dim, APFloat theta, RopeStyle style,
                               RopeScaling scaling, APFloat factor,
                               APFloat lowFreqFactor, APFloat highFreqFactor,
                               int64_t originalContext) {
  // NOLINTEND(performance-unnecessary-value-param)
  auto positive = [](const APFloat &value) {
    return value.isFiniteNonZero() && !value.isNegative();
  };
  // (C1)
  if (dim < 2 || dim > 65536 || dim % 2 != 0)
    return emitError() << "rope dim must be even and in 2…65536, not " << dim;
  // (C2)
  if (!positive(theta))
    return emitError() << "rope theta must be finite and positive";
  if (scaling == RopeScaling::None)
    return success();
  // (C3)
  if (!positive(factor) || factor < APFloat(1.0))
    return emitError() << "rope factor must be finite and at least 1";
  if (scaling == RopeScaling::Linear)
    return success();
  // (C4)
  if (!positive(lowFreqFactor) || !positive(highFreqFactor) ||
      !(lowFreqFactor < highFreqFactor))
    return emitError()
           << "rope needs 0 < low_freq_factor < high_freq_factor, both finite";
  // (C5)
  if (originalContext < 1)
    return emitError() << "rope original_context must be positive";
  return success();
}

namespace {
/// `, name =`
ParseResult parseNext(AsmParser &parser, StringRef name) {
  return failure(parser.parseComma() || parser.parseKeyword(name) ||
                 parser.parseEqual());
}

ParseResult parseReal(AsmParser &parser, StringRef name, APFloat &value) {
  double number = 0;
  if (parseNext(parser, name) || parser.parseFloat(number))
    return failure();
  value = APFloat(number);
  return success();
}
} // namespace

Attribute RopeAttr::parse(AsmParser &parser, Type) {
  SMLoc start = parser.getCurrentLocation();
  int64_t dim = 0;
  int64_t originalContext = 0;
  APFloat theta(0.0);
  APFloat factor(1.0);
  APFloat low(0.0);
  APFloat high(0.0);
  StringRef keyword;
  if (parser.parseLess() || parser.parseKeyword("dim") || parser.parseEqual() ||
      parser.parseInteger(dim) || parseReal(parser, "theta", theta) ||
      parseNext(parser, "style"))
    return {};
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  auto style = symbolizeRopeStyle(keyword);
  if (!style) {
    parser.emitError(location) << "unknown rope style '" << keyword << "'";
    return {};
  }
  RopeScaling scaling = RopeScaling::None;
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("scaling") || parser.parseEqual())
      return {};
    location = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return {};
    auto known = symbolizeRopeScaling(keyword);
    if (!known || *known == RopeScaling::None) {
      parser.emitError(location) << "unknown rope scaling '" << keyword << "'";
      return {};
    }
    scaling = *known;
    if (parseReal(parser, "factor", factor))
      return {};
    if (scaling == RopeScaling::Llama3 &&
        (parseReal(parser, "low_freq_factor", low) ||
         parseReal(parser, "high_freq_factor", high) ||
         parseNext(parser, "original_context") ||
         parser.parseInteger(originalContext)))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<RopeAttr>(start, parser.getContext(), dim, theta,
                                     *style, scaling, factor, low, high,
                                     originalContext);
}

void RopeAttr::print(AsmPrinter &printer) const {
  printer << "<dim = " << getDim() << ", theta = " << getTheta()
          << ", style = " << stringifyRopeStyle(getStyle());
  if (getScaling() != RopeScaling::None)
    printer << ", scaling = " << stringifyRopeScaling(getScaling())
            << ", factor = " << getFactor();
  if (getScaling() == RopeScaling::Llama3)
    printer << ", low_freq_factor = " << getLowFreqFactor()
            << ", high_freq_factor = " << getHighFreqFactor()
            << ", original_context = " << getOriginalContext();
  printer << ">";
}

// Llama 3's scaling leaves short wavelengths, divides long ones by `factor`
// and blends between; formula as in the model card's reference code, with
// every step in f32 because the goldens are made that way.
std::vector<float> RopeAttr::getInverseFrequencies() const {
  constexpr float twoPi = 6.283185307179586F;
  auto factor = static_cast<float>(getFactor().convertToDouble());
  auto low = static_cast<float>(getLowFreqFactor().convertToDouble());
  auto high = static_cast<float>(getHighFreqFactor().convertToDouble());
  auto context = static_cast<float>(getOriginalContext());
  auto theta = static_cast<float>(getTheta().convertToDouble());
  std::vector<float> frequencies;
  for (int64_t i = 0; i < getDim(); i += 2) {
    float exponent = static_cast<float>(i) / static_cast<float>(getDim());
    auto power = static_cast<float>(
        std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
    float frequency = 1.0F / power;
    if (getScaling() == RopeScaling::Linear) {
      frequency /= factor;
    } else if (getScaling() == RopeScaling::Llama3) {
      float wavelength = twoPi / frequency;
      if (wavelength > context / low) {
        frequency /= factor;
      } else if (wavelength >= context / high) {
        float smooth = (context / wavelength - low) / (high - low);
        frequency = (1.0F - smooth) * frequency / factor + smooth * frequency;
      }
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}

} // namespace qzc::qz
