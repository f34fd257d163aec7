//===- Packings.cpp - The table of packings, and their errors -------------===//

#include "Packings.h"

#include "qzc/Format/Schemes/Dense.h"
#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>

using namespace qzc;
using namespace qzc::encode;

std::string encode::describe(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

const PackedTensors::Entry *PackedTensors::find(std::string_view role) const {
  for (const Entry &entry : Entries)
    if (entry.tensor->role == role)
      return &entry;
  return nullptr;
}

float PackedTensors::number(std::string_view role, int64_t index) const {
  const Entry &entry = *find(role);
  const std::string &dtype = entry.tensor->dtype;
  if (dtype == "F32")
    return load<float>(entry.data, index);
  if (dtype == "F16")
    return format::dense::fromF16(load<uint16_t>(entry.data, index));
  if (dtype == "BF16")
    return format::dense::fromBf16(load<uint16_t>(entry.data, index));
  return std::ldexp(1.0f, load<uint8_t>(entry.data, index) - 127);
}

void PackedTensors::fail(const std::string &what) const {
  throw Error("weight '" + Weight + "', quantized by " +
              std::string(format::name(Source.packing)) + ": " + what);
}

const std::vector<int64_t> &PackedTensors::matrix(std::string_view role) const {
  const format::PackedTensor *found = tensor(role);
  if (!found || found->shape.size() != 2 || found->shape[0] < 1 ||
      found->shape[1] < 1)
    fail("its " + std::string(role) + " are no matrix");
  return found->shape;
}

void PackedTensors::require(std::string_view role, std::string_view dtype,
                            const std::vector<int64_t> &shape) const {
  const format::PackedTensor *found = tensor(role);
  if (!found)
    fail("its " + std::string(role) + " are missing");
  if (found->dtype != dtype || found->shape != shape)
    fail("its " + std::string(role) + " ('" + found->name + "') are " +
         found->dtype + " " + describe(found->shape) + ", not " +
         std::string(dtype) + " " + describe(shape));
}

void PackedTensors::requireNumbers(std::string_view role,
                                   const std::vector<int64_t> &shape) const {
  const format::PackedTensor *found = tensor(role);
  const std::string_view known[] = {"F32", "F16", "BF16", "F8_E8M0"};
  const bool isKnown = found && std::find(std::begin(known), std::end(known),
                                          found->dtype) != std::end(known);
  require(role, isKnown ? std::string_view(found->dtype) : "F32", shape);
}

void PackedTensors::requireScheme(
    std::initializer_list<format::Scheme> schemes) const {
  if (std::find(schemes.begin(), schemes.end(), shape().scheme) ==
      schemes.end())
    fail("cannot be stored as " + format::describeStorage(shape()));
}

const PackingTraits &encode::packingTraits(format::Packing packing) {
  switch (packing) {
#define QZC_PACKING(Enumerator, ...)                                           \
  case format::Packing::Enumerator:                                            \
    return k##Enumerator##Packing;
#include "qzc/Format/Packings.def"
  }
  return kGgmlPacking;
}
