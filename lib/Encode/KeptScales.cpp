//===- KeptScales.cpp - Scales that wait for their tensor -----------------===//

#include "KeptScales.h"

#include <cstring>

using namespace qzc;
using namespace qzc::encode;

size_t encode::scalesPart(const format::PackedShape &shape) {
  return format::layout(shape).size() - 1;
}

bool KeptScales::take(int64_t begin, const std::vector<std::byte> &scales) {
  const format::PackedShape streamed = format::streamedShape(Shape);
  const size_t part = scalesPart(streamed);
  std::call_once(AllocateOnce, [&] {
    Scales.resize(format::layout(streamed)[part].bytes / sizeof(float));
  });
  std::memcpy(reinterpret_cast<std::byte *>(Scales.data()) +
                  format::partBytes(streamed, part, begin),
              scales.data(), scales.size());
  return Left.fetch_sub(1) == 1;
}

std::vector<std::byte> KeptScales::finish(float &largest) {
  std::vector<std::byte> stored(format::layout(Shape)[scalesPart(Shape)].bytes);
  largest = format::encodeScales(
      Scales.data(), static_cast<int64_t>(Scales.size()), stored.data());
  std::vector<float>().swap(Scales);
  return stored;
}
