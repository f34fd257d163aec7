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
                               int64_t originalContext, APFloat magnitude,
                               DenseF32ArrayAttr frequencies,
                               DenseF32ArrayAttr longFrequencies) {
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
  // (C3)
  const bool isExplicit = scaling == RopeScaling::Explicit;
  if (scaling != RopeScaling::None && !isExplicit &&
      (!positive(factor) || factor < APFloat(1.0)))
    return emitError() << "rope factor must be finite and at least 1";
  // (C4)
  if (scaling == RopeScaling::Llama3 &&
      (!positive(lowFreqFactor) || !positive(highFreqFactor) ||
       !(lowFreqFactor < highFreqFactor)))
    return emitError()
           << "rope needs 0 < low_freq_factor < high_freq_factor, both finite";
  // (C5)
  const bool isDynamic = scaling == RopeScaling::Dynamic;
  if ((scaling == RopeScaling::Llama3 || isDynamic || longFrequencies) &&
      originalContext < 1)
    return emitError() << "rope original_context must be positive";
  // (C6)
  if (isDynamic && dim < 4)
    return emitError() << "rope dim must be at least 4 where it is dynamic";
  if (!isExplicit)
    return success();
  // (C7)
  if (!positive(magnitude))
    return emitError() << "rope magnitude must be finite and positive";
  // (C8)
  for (DenseF32ArrayAttr list : {frequencies, longFrequencies}) {
    if (list && list.size() != dim / 2)
      return emitError() << "rope has " << list.size() << " frequencies for "
                         << dim / 2 << " pairs";
    if (list && !llvm::all_of(list.asArrayRef(), [](float frequency) {
          return std::isfinite(frequency) && frequency >= 0;
        }))
      return emitError() << "rope frequencies must be finite, none negative";
  }
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

ParseResult parseInteger(AsmParser &parser, StringRef name, int64_t &value) {
  return failure(parseNext(parser, name) || parser.parseInteger(value));
}

ParseResult parseList(AsmParser &parser, StringRef name,
                      DenseF32ArrayAttr &list) {
  SmallVector<float> values;
  auto parseOne = [&]() -> ParseResult {
    double number = 0;
    if (parser.parseFloat(number))
      return failure();
    values.push_back(static_cast<float>(number));
    return success();
  };
  if (parseNext(parser, name) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne))
    return failure();
  list = DenseF32ArrayAttr::get(parser.getContext(), values);
  return success();
}

void printList(AsmPrinter &printer, StringRef name, DenseF32ArrayAttr list) {
  printer << ", " << name << " = [";
  llvm::interleaveComma(list.asArrayRef(), printer.getStream(),
                        [&](float value) { printer << value; });
  printer << "]";
}

/// What stands behind `scaling =`, by the name of the scaling.
struct ScalingFields {
  RopeScaling scaling = RopeScaling::None;
  APFloat factor = APFloat(1.0);
  APFloat low = APFloat(0.0);
  APFloat high = APFloat(0.0);
  int64_t originalContext = 0;
  APFloat magnitude = APFloat(1.0);
  DenseF32ArrayAttr frequencies;
  DenseF32ArrayAttr longFrequencies;

  ParseResult parse(AsmParser &parser) {
    StringRef keyword;
    if (parser.parseKeyword("scaling") || parser.parseEqual())
      return failure();
    SMLoc location = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return failure();
    auto known = symbolizeRopeScaling(keyword);
    if (!known || *known == RopeScaling::None)
      return parser.emitError(location)
             << "unknown rope scaling '" << keyword << "'";
    scaling = *known;
    if (scaling == RopeScaling::Explicit)
      return parseExplicit(parser);
    if (parseReal(parser, "factor", factor))
      return failure();
    if (scaling == RopeScaling::Llama3 &&
        (parseReal(parser, "low_freq_factor", low) ||
         parseReal(parser, "high_freq_factor", high)))
      return failure();
    if (scaling == RopeScaling::Linear)
      return success();
    return parseInteger(parser, "original_context", originalContext);
  }

  ParseResult parseExplicit(AsmParser &parser) {
    if (parseReal(parser, "magnitude", magnitude) ||
        parseList(parser, "frequencies", frequencies))
      return failure();
    if (failed(parser.parseOptionalComma()))
      return success();
    return failure(parser.parseKeyword("original_context") ||
                   parser.parseEqual() ||
                   parser.parseInteger(originalContext) ||
                   parseList(parser, "long_frequencies", longFrequencies));
  }
};
} // namespace

Attribute RopeAttr::parse(AsmParser &parser, Type) {
  SMLoc start = parser.getCurrentLocation();
  int64_t dim = 0;
  APFloat theta(0.0);
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
  ScalingFields more;
  if (succeeded(parser.parseOptionalComma()) && more.parse(parser))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<RopeAttr>(
      start, parser.getContext(), dim, theta, *style, more.scaling, more.factor,
      more.low, more.high, more.originalContext, more.magnitude,
      more.frequencies, more.longFrequencies);
}

void RopeAttr::print(AsmPrinter &printer) const {
  printer << "<dim = " << getDim() << ", theta = " << getTheta()
          << ", style = " << stringifyRopeStyle(getStyle());
  const RopeScaling scaling = getScaling();
  if (scaling != RopeScaling::None)
    printer << ", scaling = " << stringifyRopeScaling(scaling);
  if (scaling == RopeScaling::Explicit) {
    printer << ", magnitude = " << getMagnitude();
    printList(printer, "frequencies", getFrequencies());
  } else if (scaling != RopeScaling::None) {
    printer << ", factor = " << getFactor();
  }
  if (scaling == RopeScaling::Llama3)
    printer << ", low_freq_factor = " << getLowFreqFactor()
            << ", high_freq_factor = " << getHighFreqFactor();
  if (scaling == RopeScaling::Llama3 || scaling == RopeScaling::Dynamic ||
      getLongFrequencies())
    printer << ", original_context = " << getOriginalContext();
  if (getLongFrequencies())
    printList(printer, "long_frequencies", getLongFrequencies());
  printer << ">";
}

// Llama 3's scaling leaves short wavelengths, divides long ones by `factor`
// and blends between; formula as in the model card's reference code, with
// every step in f32 because the goldens are made that way.
std::vector<float> RopeAttr::getInverseFrequencies() const {
  if (getFrequencies())
    return getFrequencies().asArrayRef().vec();
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

format::Rope RopeAttr::toPlan() const {
  format::Rope plan;
  plan.dim = getDim();
  plan.interleaved = getStyle() == RopeStyle::Interleaved;
  plan.inverseFrequencies = getInverseFrequencies();
  plan.magnitude = static_cast<float>(getMagnitude().convertToDouble());
  if (getLongFrequencies()) {
    plan.context = getOriginalContext();
    plan.longFrequencies = getLongFrequencies().asArrayRef().vec();
  } else if (getScaling() == RopeScaling::Dynamic) {
    plan.context = getOriginalContext();
    plan.growth = static_cast<float>(getFactor().convertToDouble());
  }
  return plan;
}

} // namespace qzc::qz
