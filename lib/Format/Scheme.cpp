//===- Scheme.cpp - The table of schemes and their layouts ----------------===//

#include "qzc/Format/Scheme.h"

#include "EnumNames.h"
#include "Schemes/Traits.h"

#include "qzc/Format/GroupSearch.h"
#include "qzc/Format/Portable.h"
#include "qzc/Format/Schemes/DoubleQuant.h"

#include <algorithm>
#include <charconv>

namespace qzc::format {

const SchemeTraits &traits(Scheme scheme) {
  switch (scheme) {
#define QZC_SCHEME(Enumerator, ...)                                            \
  case Scheme::Enumerator:                                                     \
    return k##Enumerator##Traits;
#include "qzc/Format/Schemes.def"
  }
  return kNoneTraits;
}

std::string_view name(Scheme scheme) {
  switch (scheme) {
#define QZC_SCHEME(Enumerator, Number, Name, ...)                              \
  case Scheme::Enumerator:                                                     \
    return Name;
#include "qzc/Format/Schemes.def"
  }
  return "";
}

std::string schemeNames() {
  std::string names;
#define QZC_SCHEME(Enumerator, Number, Name, ...)                              \
  names += (names.empty() ? "" : ", ") + std::string(Name);
#include "qzc/Format/Schemes.def"
  return names;
}

std::optional<Scheme> parseScheme(std::string_view text) {
#define QZC_SCHEME(Enumerator, Number, Name, ...)                              \
  if (text == (Name))                                                          \
    return Scheme::Enumerator;
#include "qzc/Format/Schemes.def"
  return std::nullopt;
}

static constexpr NameOf<Method> kMethods[] = {{Method::Rtn, "rtn"},
                                              {Method::Mse, "mse"},
                                              {Method::Gptq, "gptq"},
                                              {Method::Awq, "awq"}};

std::string_view name(Method method) { return find(kMethods, method); }

std::optional<Method> parseMethod(std::string_view text) {
  return parse(kMethods, text);
}

std::string_view name(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "f32";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  }
  return "";
}

std::optional<DType> parseDType(std::string_view text) {
  for (DType dtype : {DType::F32, DType::F16, DType::BF16})
    if (text == name(dtype))
      return dtype;
  return std::nullopt;
}

std::string_view name(ScaleCodec codec) {
  switch (codec) {
  case ScaleCodec::Plain:
    return "";
  case ScaleCodec::Double:
    return "double";
  case ScaleCodec::Asym:
    return "asym";
  case ScaleCodec::Absmax:
    return "absmax";
  }
  return "";
}

std::optional<ScaleCodec> parseScaleCodec(std::string_view text) {
  for (ScaleCodec codec :
       {ScaleCodec::Double, ScaleCodec::Asym, ScaleCodec::Absmax})
    if (text == name(codec))
      return codec;
  return std::nullopt;
}

size_t sizeOf(DType dtype) { return dtype == DType::F32 ? 4 : 2; }

std::optional<StorageSpec> parseStorage(std::string_view text) {
  StorageSpec spec;
  if (const size_t space = text.find(' '); space != text.npos) {
    const auto codec = parseScaleCodec(text.substr(space + 1));
    if (!codec)
      return std::nullopt;
    spec.scales = *codec;
    text = text.substr(0, space);
  }
  std::optional<int64_t> block;
  if (const size_t slash = text.find('/'); slash != text.npos) {
    const std::string_view digits = text.substr(slash + 1);
    block = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), *block);
    if (error != std::errc() || end != digits.data() + digits.size() ||
        *block <= 0)
      return std::nullopt;
    text = text.substr(0, slash);
  }
  if (const auto scheme = parseScheme(text))
    spec.scheme = *scheme;
  else if (!(spec.dtype = parseDType(text)))
    return std::nullopt;
  spec.blockSize = block.value_or(defaultBlockSize(spec.scheme));
  return spec;
}

std::string describeStorage(const StorageSpec &spec) {
  std::string text(spec.dtype && spec.scheme == Scheme::None
                       ? name(*spec.dtype)
                       : name(spec.scheme));
  if (spec.blockSize != 0)
    text += "/" + std::to_string(spec.blockSize);
  if (spec.scales != ScaleCodec::Plain)
    text += " " + std::string(name(spec.scales));
  return text;
}

std::string storageHelp() {
  return "SCHEME[/BLOCK][ double| asym| absmax], or a type f32, f16, bf16; "
         "schemes "
         "are " +
         schemeNames();
}

bool storedAlike(const PackedShape &a, const PackedShape &b) {
  return a.scheme == b.scheme && a.blockSize == b.blockSize &&
         a.scales == b.scales &&
         (a.scheme != Scheme::None || a.dtype == b.dtype);
}

std::string describeStorage(const PackedShape &shape) {
  return describeStorage(
      StorageSpec{shape.scheme, shape.dtype, shape.blockSize, shape.scales});
}

int64_t defaultBlockSize(Scheme scheme) {
  return traits(scheme).defaultBlockSize;
}

std::optional<std::string_view> requireNoBlockSize(const PackedShape &shape) {
  if (shape.blockSize != 0)
    return "the scheme takes no block size";
  return std::nullopt;
}

std::optional<std::string_view> checkShape(const PackedShape &shape) {
  if (name(shape.scheme).empty())
    return "unknown scheme";
  if (name(shape.dtype).empty())
    return "unknown element type";
  if (shape.rows <= 0 || shape.cols <= 0)
    return "rows and columns must be positive";
  // No part is larger than 4 bytes an element, plus a block and padding.
  constexpr int64_t kMostElements = int64_t{1} << 59;
  if (shape.cols > kMostElements / shape.rows)
    return "the tensor's size does not fit in 63 bits";
  if (shape.scales != ScaleCodec::Plain &&
      shape.scales != traits(shape.scheme).otherCodec)
    return shape.scales == ScaleCodec::Double
               ? "the scheme has no double quantization (fp4 and nf4 have)"
           : shape.scales == ScaleCodec::Asym
               ? "the scheme has no zero points to choose (int2, int3, int4 "
                 "and int8g have)"
               : "the scheme has no absmax to choose (int8 has)";
  return traits(shape.scheme).checkShape(shape);
}

static uint64_t alignPart(uint64_t bytes) {
  return (bytes + kPartAlign - 1) / kPartAlign * kPartAlign;
}

std::vector<PartLayout> layout(const PackedShape &shape) {
  const SchemeTraits &scheme = traits(shape.scheme);
  std::vector<PartLayout> parts;
  uint64_t offset = 0;
  for (size_t i = 0; i < scheme.partCount; ++i) {
    const uint64_t bytes = partBytes(shape, i, shape.rows * shape.cols);
    parts.push_back({scheme.partNames[i], offset, bytes});
    offset = alignPart(offset + bytes);
  }
  return parts;
}

uint64_t paddedBytes(const PackedShape &shape) {
  const PartLayout last = layout(shape).back();
  return alignPart(last.offset + last.bytes);
}

uint64_t storedBytes(const PackedShape &shape) {
  uint64_t bytes = 0;
  for (const PartLayout &part : layout(shape))
    bytes += part.bytes;
  return bytes;
}

PackedShape streamedShape(const PackedShape &shape) {
  PackedShape streamed = shape;
  if (streamed.scales == ScaleCodec::Double)
    streamed.scales = ScaleCodec::Plain;
  return streamed;
}

void decodeRows(const PackedView &weight, int64_t rowBegin, int64_t rowEnd,
                float *out) {
  traits(weight.shape.scheme).decodeRows(weight, rowBegin, rowEnd, out);
}

int64_t encodingUnit(const PackedShape &shape) {
  return traits(shape.scheme).encodingUnit(shape);
}

int64_t pieceUnit(const PackedShape &shape) {
  const int64_t unit = encodingUnit(shape);
  return shape.scales == ScaleCodec::Double ? unit * doublequant::kGroup : unit;
}

PackedShape pieceShape(const PackedShape &shape, int64_t count) {
  PackedShape piece = shape;
  // Pieces of units that do not end with a row are taken for one row: nothing
  // in them depends on rows.
  const bool wholeRows = count % shape.cols == 0;
  piece.rows = wholeRows ? count / shape.cols : 1;
  piece.cols = wholeRows ? shape.cols : count;
  return piece;
}

const BlockFormat *blockFormat(Scheme scheme) {
  const BlockFormat &blocks = traits(scheme).blocks;
  return blocks.split ? &blocks : nullptr;
}

const BlockFormat *denserBlockFormat(Scheme scheme) {
  const BlockFormat &blocks = traits(scheme).denserBlocks;
  return blocks.split ? &blocks : nullptr;
}

void storeCodes(Scheme scheme, const uint8_t *codes, int64_t count,
                std::byte *part) {
  traits(scheme).storeCodes(codes, count, part);
}

uint64_t partBytes(const PackedShape &shape, size_t part, int64_t elements) {
  return traits(shape.scheme).partBytes(shape, part, elements);
}

float encodeElements(const PackedShape &shape, const float *values,
                     int64_t count, std::byte *const *parts) {
  return traits(shape.scheme).encodeElements(shape, values, count, parts);
}

float searchElements(const PackedShape &shape, const float *values,
                     const float *importance, int64_t count,
                     std::byte *const *parts) {
  return traits(shape.scheme)
      .searchElements(shape, values, {importance, nullptr}, count, parts);
}

int64_t searchedTogether(const PackedShape &shape) {
  // Blocks of ggml have searches of their own.
  const SchemeTraits &scheme = traits(shape.scheme);
  if (!scheme.searchElements || !scheme.levels || scheme.blocks.values != 0)
    return 0;
  const int64_t group = scheme.levels(shape).group;
  return group <= kMostTogether && shape.cols % group == 0 ? group : 0;
}

float searchTogether(const PackedShape &shape, const float *values,
                     const float *products, int64_t count,
                     std::byte *const *parts) {
  return traits(shape.scheme)
      .searchElements(shape, values, {nullptr, products}, count, parts);
}

bool canSearch(Scheme scheme) {
  return traits(scheme).searchElements != nullptr;
}

bool takesMethod(Scheme scheme, Method method) {
  switch (method) {
  case Method::Rtn:
    return true;
  case Method::Mse:
    return canSearch(scheme);
  case Method::Gptq:
  case Method::Awq:
    return traits(scheme).levels != nullptr;
  }
  return false;
}

std::optional<Levels> levelsOf(const PackedShape &shape) {
  const auto levels = traits(shape.scheme).levels;
  return levels ? std::optional<Levels>(levels(shape)) : std::nullopt;
}

void readGroups(const PackedShape &shape, const std::byte *const *parts,
                int64_t count, float *scales, float *offsets) {
  traits(shape.scheme).readGroups(shape, parts, count, scales, offsets);
}

void replaceCodes(const PackedShape &shape, const uint8_t *codes, int64_t count,
                  std::byte *const *parts) {
  traits(shape.scheme).replaceCodes(shape, codes, count, parts);
}

QZC_VECTOR_CLONES
static uint32_t largestBits(const float *values, int64_t count) {
  // Magnitudes are ordered as their bits are; integer maxima vectorize.
  int32_t largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest,
                       static_cast<int32_t>(floatBits(values[i]) & 0x7fffffff));
  return static_cast<uint32_t>(largest);
}

float largestMagnitude(const float *values, int64_t count) {
  return floatFromBits(largestBits(values, count));
}

} // namespace qzc::format
