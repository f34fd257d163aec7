//===- DenseImage.h - A plan whose matrices come and go ---------*- C++ -*-===//

#ifndef QZC_LIB_CALIBRATE_DENSEIMAGE_H
#define QZC_LIB_CALIBRATE_DENSEIMAGE_H

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/Encoder.h"
#include "qzc/Runtime/Image.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace qzc::calibrate {

/// The matrices of linear layers.
std::vector<int32_t> matricesOf(const std::vector<format::Launch> &launches);

/// What the CPU's engine runs while a model is calibrated: the plan of an
/// executable with the matrices of its linear layers in f32, each in a place of
/// its own that has memory only while it is held.
class DenseImage final : public runtime::Image {
public:
  /// Takes the plan and the tensors; vectors and tables are encoded now, as
  /// they will be stored. `codes` gets what hold() encodes as the executable
  /// will have it.
  DenseImage(const format::Manifest &manifest,
             const std::vector<encode::WeightRef> &refs,
             const encode::WeightSources &sources, encode::CodeStore &codes,
             ThreadPool &pool);
  ~DenseImage() override;

  /// Makes the matrices be what the executable will hold of them, encoded by
  /// their methods from statistics that know the input of all of them.
  void hold(const std::vector<int32_t> &tensors,
            const encode::Statistics &statistics, ThreadPool &pool);
  /// Where a matrix is, which hold() has to make first; null where it is a
  /// table too.
  float *matrix(int32_t tensor);
  /// Gives their memory back.
  void drop(const std::vector<int32_t> &tensors);

  const format::Manifest &manifest() const override { return Dense; }
  std::string_view tokenizerJson() const override { return {}; }
  const std::vector<runtime::DeviceCode> &deviceCode() const override {
    return NoCode;
  }
  uint64_t fileBytes() const override { return 0; }
  std::vector<InputFile> files() const override { return {}; }
  format::PackedView tensor(int64_t index) const override;
  const std::byte *weights() const override { return Base; }

private:
  const format::Manifest &Stored;
  const std::vector<encode::WeightRef> &Refs;
  const encode::WeightSources &Sources;
  encode::CodeStore &Codes;
  format::Manifest Dense;
  std::byte *Base = nullptr;
  uint64_t Bytes = 0;
  std::vector<runtime::DeviceCode> NoCode;
};

} // namespace qzc::calibrate

#endif // QZC_LIB_CALIBRATE_DENSEIMAGE_H
