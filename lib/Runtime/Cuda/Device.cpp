//===- Device.cpp - A GPU's context, memory and streams -------------------===//

#include "qzc/Runtime/Cuda/Device.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

namespace qzc::runtime {

Device::Device(const char *library) : Api(Driver::open(library)) {
  int count = 0;
  Api->check(Api->deviceGetCount(&count), "counting devices");
  if (count == 0)
    throw Error("no CUDA device is visible: check nvidia-smi and "
                "CUDA_VISIBLE_DEVICES, or use --device=cpu");
  Api->check(Api->deviceGet(&Handle, 0), "opening the first device");
  std::array<char, 256> name = {};
  Api->check(Api->deviceGetName(name.data(), int(name.size()) - 1, Handle),
             "asking for the device's name");
  Name = name.data();
  int major = 0;
  int minor = 0;
  Api->check(Api->deviceGetAttribute(
                 &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, Handle),
             "asking for the compute capability");
  Api->check(Api->deviceGetAttribute(
                 &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, Handle),
             "asking for the compute capability");
  Capability = static_cast<uint32_t>(major * 10 + minor);
  Api->check(Api->primaryCtxRetain(&Context, Handle),
             "making a context on '" + Name + "'");
  CUresult result = Api->ctxSetCurrent(Context);
  if (result == CUDA_SUCCESS)
    result = Api->streamCreate(&Stream, CU_STREAM_NON_BLOCKING);
  if (result != CUDA_SUCCESS) {
    Api->primaryCtxRelease(Handle);
    Api->check(result, "making a stream on '" + Name + "'");
  }
}

Device::~Device() {
  Api->streamDestroy(Stream);
  Api->primaryCtxRelease(Handle);
}

uint64_t Device::freeBytes() const {
  size_t free = 0;
  size_t total = 0;
  Api->check(Api->memGetInfo(&free, &total), "asking for free memory");
  return free;
}

std::string Device::bus() const {
  std::array<char, 32> text = {};
  Api->check(Api->deviceGetPciBusId(text.data(), int(text.size()), Handle),
             "asking for the device's address");
  return text.data();
}

double Device::copyRate() const {
  using Clock = std::chrono::steady_clock;
  constexpr uint64_t kMostBytes = uint64_t{256} << 20; // more than any L2
  constexpr int kCopies = 16;
  const uint64_t half = std::min(kMostBytes, freeBytes() / 4);
  if (half == 0)
    return 0;
  DeviceBuffer memory(*this, 2 * half, "measuring copies", /*zero=*/true);
  const auto copy = [&](int times) {
    for (int i = 0; i != times; ++i)
      Api->check(Api->memcpyDtoDAsync(memory.address() + half, memory.address(),
                                      half, Stream),
                 "copying within the GPU");
    synchronize("copying within the GPU");
  };
  copy(2);
  const auto start = Clock::now();
  copy(kCopies);
  const std::chrono::duration<double> taken = Clock::now() - start;
  return 2.0 * kCopies * static_cast<double>(half) / taken.count();
}

void Device::synchronize(const std::string &what) const {
  Api->check(Api->streamSynchronize(Stream), what);
}

void Device::upload(CUdeviceptr to, const void *from, size_t bytes) const {
  // From pageable memory the driver takes its own copy before it returns.
  Api->check(Api->memcpyHtoDAsync(to, from, bytes, Stream),
             "copying to the GPU");
}

void Device::download(void *to, CUdeviceptr from, size_t bytes) const {
  Api->check(Api->memcpyDtoHAsync(to, from, bytes, Stream),
             "copying from the GPU");
}

void Device::clear(CUdeviceptr address, uint64_t bytes) const {
  Api->check(Api->memsetD8Async(address, 0, bytes, Stream),
             "clearing the GPU's memory");
}

DeviceBuffer::DeviceBuffer(const Device &device, uint64_t bytes,
                           const char *what, bool zero)
    : Api(&device.driver()), Bytes(std::max<uint64_t>(bytes, 1)) {
  CUresult result = Api->memAlloc(&Address, Bytes);
  if (result == CUDA_ERROR_OUT_OF_MEMORY)
    throw Error("out of GPU memory: " + std::to_string(Bytes / 1000000) +
                " MB for " + what + ", " +
                std::to_string(device.freeBytes() / 1000000) +
                " MB free: a smaller --context needs less");
  Api->check(result, std::string("allocating memory for ") + what);
  if (zero) {
    result = Api->memsetD8Async(Address, 0, Bytes, device.stream());
    if (result != CUDA_SUCCESS) {
      Api->memFree(Address);
      Api->check(result, std::string("clearing memory for ") + what);
    }
  }
}

DeviceBuffer::DeviceBuffer(DeviceBuffer &&other) noexcept
    : Api(other.Api), Address(std::exchange(other.Address, 0)),
      Bytes(std::exchange(other.Bytes, 0)) {}

DeviceBuffer &DeviceBuffer::operator=(DeviceBuffer &&other) noexcept {
  std::swap(Api, other.Api);
  std::swap(Address, other.Address);
  std::swap(Bytes, other.Bytes);
  return *this;
}

DeviceBuffer::~DeviceBuffer() {
  if (Address)
    Api->memFree(Address);
}

PinnedBuffer::PinnedBuffer(const Device &device, size_t bytes)
    : Api(device.driver()) {
  Api.check(Api.memHostAlloc(&Data, bytes, 0), "allocating page-locked memory");
}

PinnedBuffer::~PinnedBuffer() { Api.memFreeHost(Data); }

namespace {
/// One of the two buffers of an upload, and when it may be filled again.
class StagingSlot {
public:
  StagingSlot(const Device &device, size_t bytes)
      : Api(device.driver()), Memory(device, bytes) {
    Api.check(Api.eventCreate(&Free, CU_EVENT_DISABLE_TIMING),
              "making an event");
  }
  StagingSlot(const StagingSlot &) = delete;
  StagingSlot &operator=(const StagingSlot &) = delete;
  ~StagingSlot() { Api.eventDestroy(Free); }

  void send(const Device &device, ThreadPool &threads, CUdeviceptr to,
            const std::byte *from, size_t bytes) {
    constexpr int64_t kPieceBytes = int64_t{512} << 10;
    Api.check(Api.eventSynchronize(Free), "copying weights to the GPU");
    auto *memory = static_cast<std::byte *>(Memory.data());
    threads.parallelFor(static_cast<int64_t>(bytes), kPieceBytes,
                        [&](int64_t begin, int64_t end, int) {
                          std::memcpy(memory + begin, from + begin,
                                      static_cast<size_t>(end - begin));
                        });
    Api.check(Api.memcpyHtoDAsync(to, Memory.data(), bytes, device.stream()),
              "copying weights to the GPU");
    Api.check(Api.eventRecord(Free, device.stream()),
              "copying weights to the GPU");
  }

private:
  const Driver &Api;
  PinnedBuffer Memory;
  CUevent Free = nullptr;
};
} // namespace

void uploadLarge(const Device &device, CUdeviceptr to, const std::byte *from,
                 uint64_t bytes) {
  constexpr uint64_t kSlotBytes = uint64_t{8} << 20;
  constexpr int kMostThreads = 6; // one copies a fifth of what PCIe takes
  auto slotBytes = static_cast<size_t>(std::min(kSlotBytes, bytes));
  if (slotBytes == 0)
    return;
  StagingSlot slots[2] = {{device, slotBytes}, {device, slotBytes}};
  ThreadPool threads(
      bytes > slotBytes ? std::min(kMostThreads, availableThreads()) : 1);
  size_t turn = 0;
  for (uint64_t offset = 0; offset < bytes; offset += slotBytes, turn ^= 1)
    slots[turn].send(device, threads, to + offset, from + offset,
                     std::min<uint64_t>(slotBytes, bytes - offset));
  device.synchronize("copying weights to the GPU");
}

} // namespace qzc::runtime
