//===- Device.h - A GPU's context, memory and kernels -----------*- C++ -*-===//
//
// Owners of what the driver hands out. All of them refer to a Device, which
// must outlive them, and are used by the thread that made the Device.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_RUNTIME_CUDA_DEVICE_H
#define QZC_RUNTIME_CUDA_DEVICE_H

#include "qzc/Format/CodeModules.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Runtime/Cuda/Driver.h"
#include "qzc/Runtime/Image.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace qzc::runtime {

/// The first device that the driver shows (CUDA_VISIBLE_DEVICES decides which
/// that is), its primary context, and one stream for all work.
class Device {
public:
  /// Throws qzc::Error where there is no driver or no device.
  explicit Device(const char *library = kDriverLibrary);
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;
  ~Device();

  const Driver &driver() const { return *Api; }
  CUstream stream() const { return Stream; }
  const std::string &name() const { return Name; }
  /// Compute capability × 10.
  uint32_t capability() const { return Capability; }
  /// "0000:0A:00.0".
  std::string bus() const;
  uint64_t freeBytes() const;
  /// Bytes a second that memory reads and writes together, in copies within the
  /// device: measured now, in memory that is given back. 0 where none is free.
  double copyRate() const;

  /// Waits for the stream. `what` names the work in an error.
  void synchronize(const std::string &what) const;
  /// Copies to the device; `from` may be changed as soon as this returns.
  void upload(CUdeviceptr to, const void *from, size_t bytes) const;
  /// Starts a copy from the device; valid after synchronize().
  void download(void *to, CUdeviceptr from, size_t bytes) const;
  /// Starts to set memory to zero.
  void clear(CUdeviceptr address, uint64_t bytes) const;

private:
  std::unique_ptr<Driver> Api;
  CUdevice Handle = 0;
  CUcontext Context = nullptr;
  CUstream Stream = nullptr;
  std::string Name;
  uint32_t Capability = 0;
};

/// Device memory.
class DeviceBuffer {
public:
  DeviceBuffer() = default;
  /// Allocates at least one byte; `zero` fills it (on the stream). Throws
  /// qzc::Error naming `what` when memory is short.
  DeviceBuffer(const Device &device, uint64_t bytes, const char *what,
               bool zero);
  DeviceBuffer(DeviceBuffer &&other) noexcept;
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept;
  ~DeviceBuffer();

  CUdeviceptr address() const { return Address; }
  uint64_t size() const { return Bytes; }

private:
  const Driver *Api = nullptr;
  CUdeviceptr Address = 0;
  uint64_t Bytes = 0;
};

/// Page-locked host memory.
class PinnedBuffer {
public:
  PinnedBuffer(const Device &device, size_t bytes);
  PinnedBuffer(const PinnedBuffer &) = delete;
  PinnedBuffer &operator=(const PinnedBuffer &) = delete;
  ~PinnedBuffer();

  void *data() const { return Data; }

private:
  const Driver &Api;
  void *Data = nullptr;
};

/// The kernels of a code. Each is loaded when it is first asked for.
class Kernels {
public:
  /// Checks that the driver is new enough and unpacks `code`, which has to
  /// outlive this object, as `manifest` has. Throws qzc::Error saying which
  /// driver would do.
  Kernels(const Device &device, const DeviceCode &code,
          const format::Manifest &manifest);
  Kernels(const Kernels &) = delete;
  Kernels &operator=(const Kernels &) = delete;
  ~Kernels();

  /// The kernel whose symbol is the module's name and `suffix`, allowed at
  /// least `sharedBytes` of dynamic shared memory. Throws qzc::Error where
  /// there is none or the driver does not load it, with the compiler's log for
  /// PTX.
  CUfunction function(const std::string &module, const std::string &suffix,
                      uint32_t sharedBytes);

  /// Whether a launch may start before the one ahead of it is complete
  /// (programmatic dependent launch): code for sm_90 on waits for it itself,
  /// older code does not, whatever GPU runs it. Drivers capture such launches
  /// in graphs from CUDA 12.3 on.
  bool waitsForDependencies() const { return Waits; }

private:
  struct Loaded {
    std::string_view code;
    CUmodule handle = nullptr;
  };
  CUmodule load(std::string_view code) const;

  const Driver &Api;
  const DeviceCode &Code;
  const format::Manifest &Manifest;
  format::CodeModules Unpacked;
  std::map<std::string, Loaded, std::less<>> ByName;
  std::map<std::string, uint32_t> Shared; ///< allowed so far, by symbol
  bool Waits;
};

/// Copies `bytes` at `from` (a file's mapping) to the device through two
/// page-locked buffers, one being filled, by several threads, while the other
/// travels. Returns when all has arrived.
void uploadLarge(const Device &device, CUdeviceptr to, const std::byte *from,
                 uint64_t bytes);

} // namespace qzc::runtime

#endif // QZC_RUNTIME_CUDA_DEVICE_H
