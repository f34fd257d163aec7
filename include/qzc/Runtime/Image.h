//===- Image.h - A mapped, checked executable image -------------*- C++ -*-===//
//
// Opens the payload behind an executable (Format/Image.h), checks it and gives
// access to its sections without copying them.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_IMAGE_H
#define QZC_RUNTIME_IMAGE_H

#include "qzc/Format/Manifest.h"
#include "qzc/Support/File.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qzc::runtime {

/// Machine code (or PTX) for one architecture.
struct DeviceCode {
  uint32_t arch; ///< compute capability × 10
  bool specific; ///< sm_90a: runs on exactly that architecture
  bool ptx;
  std::string_view section; ///< packed, see CodeModules.h
};

/// "sm_90a", "compute_80 (PTX)".
inline std::string codeName(const DeviceCode &code) {
  return format::archName(code.arch, code.specific, code.ptx) +
         (code.ptx ? " (PTX)" : "");
}

class Image {
public:
  /// Maps and checks `path`. Throws qzc::Error naming the file and the section
  /// that was cut or altered. `fullCheck` also compares SHA-256 (--verify).
  /// `threads` make synthetic weights; 0: as many as the process may use.
  static std::unique_ptr<Image> open(const std::string &path, bool fullCheck,
                                     int threads = 0);
  /// The same, but that weights are checked beside what the caller does next:
  /// until checkWeights() returns, nothing that depends on them is to be told.
  static std::unique_ptr<Image> openAtOnce(const std::string &path,
                                           bool fullCheck, int threads = 0);
  virtual ~Image();

  /// Waits until the weights are found right; throws as open() does.
  virtual void checkWeights() const {}

  virtual const format::Manifest &manifest() const = 0;
  virtual std::string_view tokenizerJson() const = 0;
  virtual const std::vector<DeviceCode> &deviceCode() const = 0;
  virtual uint64_t fileBytes() const = 0;
  /// The files it is read from: none may be replaced while it lives.
  virtual std::vector<InputFile> files() const = 0;

  /// The stored weight; mapped, or generated at load for synthetic weights.
  virtual format::PackedView tensor(int64_t index) const = 0;
  /// Whether release() gives memory back.
  virtual bool canRelease() const { return false; }
  /// Lets go of a weight's memory, where it can be read from its file again by
  /// those who still ask: it is in use elsewhere. The check is to be over.
  virtual void release(int64_t) const {}
  /// All of the weights section, for large copies to a device.
  virtual const std::byte *weights() const = 0;
};

} // namespace qzc::runtime

#endif // QZC_RUNTIME_IMAGE_H
