//===- Spill.h - Activations that wait on disk ------------------*- C++ -*-===//

#ifndef QZC_LIB_CALIBRATE_SPILL_H
#define QZC_LIB_CALIBRATE_SPILL_H

#include <cstddef>
#include <cstdint>

namespace qzc::calibrate {

/// A file without a name in the folder for temporary files ($TMPDIR), which
/// goes with the process. Failures throw qzc::Error with the reason.
class Spill {
public:
  Spill();
  Spill(const Spill &) = delete;
  Spill &operator=(const Spill &) = delete;
  ~Spill();

  void write(uint64_t offset, const void *data, size_t bytes) const;
  void read(uint64_t offset, void *data, size_t bytes) const;

private:
  int Fd = -1;
};

} // namespace qzc::calibrate

#endif // QZC_LIB_CALIBRATE_SPILL_H
