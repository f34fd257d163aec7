//===- Encoder.h - Source weights to the weights section --------*- C++ -*-===//

#ifndef QZC_ENCODE_ENCODER_H
#define QZC_ENCODE_ENCODER_H

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/ThreadPool.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace qzc::encode {

/// Places the tensors one after the other, each at a multiple of kPartAlign,
/// and returns the size of the weights section.
uint64_t assignOffsets(std::vector<format::Tensor> &tensors);

/// Writes bytes at an offset from the start of the weights section; called
/// from several threads at once, with ranges that do not overlap. What is never
/// written must read as zeros.
using SectionWriter =
    std::function<void(uint64_t offset, const void *data, size_t bytes)>;

/// Encodes every tensor by its method to its place in the weights section, sets
/// its f16Exponent and by what it was `calibrated`, and returns what each was
/// scaled by; refs[i] says where tensors[i] is read from. Streams in pieces
/// of a few MB a thread, beside which Method::Gptq takes three f32 matrices of
/// its input's columns squared; the bytes depend neither on the number of
/// threads nor on the CPU. Checks the source files' contents along the way.
/// Throws qzc::Error: a reference that does not fit its file, a changed file, a
/// weight that is not finite or does not fit the stored type (tensor and
/// position), statistics that are missing. Those that are there are of these
/// tensors (StatisticsFile::checkAreOf). What `codes` has is taken from there:
/// made by the same statistics.
std::vector<format::Factors> encodeWeights(
    std::vector<format::Tensor> &tensors, const std::vector<WeightRef> &refs,
    const WeightSources &sources, const SectionWriter &write, ThreadPool &pool,
    const Statistics *statistics = nullptr, const CodeStore *codes = nullptr);

/// The same of files whose contents have been checked, and of tensors whose
/// factors are known.
void encodeChecked(std::vector<format::Tensor> &tensors,
                   const std::vector<format::Factors> &factors,
                   const std::vector<WeightRef> &refs,
                   const WeightSources &sources, const SectionWriter &write,
                   ThreadPool &pool, const Statistics *statistics);

/// One tensor's stored bytes, paddedBytes(shape) of them, by a method that
/// needs no statistics: for tests and the interpreter. Checks values, not the
/// file.
std::vector<std::byte> encodeTensor(const format::Tensor &tensor,
                                    const WeightRef &ref,
                                    const WeightSources &sources);

/// The parts of bytes that encodeTensor made.
format::PackedView viewOf(const format::PackedShape &shape,
                          const std::byte *bytes);

/// The smallest e ≥ 0 for which largest / 2^e fits f16.
int32_t f16Exponent(float largest);

} // namespace qzc::encode

#endif // QZC_ENCODE_ENCODER_H
