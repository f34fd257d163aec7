//===- FakeCuda.cpp - A driver library over host memory -------------------===//

#include "FakeCuda.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

using qzc::test::FakeCuda;
using qzc::test::FakeLaunch;

static FakeCuda fake;
static std::vector<FakeLaunch> *capturing = nullptr;

extern "C" FakeCuda *qzcFakeCuda() { return &fake; }

/// Something to point at; counted, so that leaks show.
template <typename Handle> static CUresult make(Handle *handle) {
  ++fake.alive;
  *handle = reinterpret_cast<Handle>(new std::vector<FakeLaunch>());
  return CUDA_SUCCESS;
}
template <typename Handle> static CUresult destroy(Handle handle) {
  --fake.alive;
  delete reinterpret_cast<std::vector<FakeLaunch> *>(handle);
  return CUDA_SUCCESS;
}

static void run(const FakeLaunch &launch) {
  fake.launches.push_back(launch);
  if (fake.onLaunch)
    fake.onLaunch(launch);
}

extern "C" {
CUresult cuInit(unsigned) { return fake.initResult; }
CUresult cuDriverGetVersion(int *version) {
  *version = fake.driverVersion;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult error, const char **text) {
  *text = error == CUDA_ERROR_ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                                              : "CUDA_ERROR_OTHER";
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult, const char **text) {
  *text = "a fake error";
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int *count) {
  *count = fake.deviceCount;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  *device = ordinal;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char *name, int length, CUdevice) {
  std::snprintf(name, static_cast<size_t>(length), "%s",
                fake.deviceName.c_str());
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetPCIBusId(char *bus, int length, CUdevice) {
  std::snprintf(bus, static_cast<size_t>(length), "0000:0A:00.0");
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                              CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
               ? fake.major
               : fake.minor;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  ++fake.alive;
  *context = reinterpret_cast<CUcontext>(&fake);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  --fake.alive;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }
CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
  *free = fake.freeBytes;
  *total = fake.freeBytes;
  return CUDA_SUCCESS;
}
CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  if (fake.allocResult != CUDA_SUCCESS)
    return fake.allocResult;
  constexpr size_t kSmall = 1 << 20;
  // Large memory stays untouched; small memory starts as garbage.
  void *memory = std::calloc(bytes, 1);
  if (bytes < kSmall)
    std::memset(memory, 0xff, bytes);
  *address = reinterpret_cast<CUdeviceptr>(memory);
  fake.allocations[*address] = bytes;
  return CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr address) {
  fake.allocations.erase(address);
  std::free(reinterpret_cast<void *>(address));
  return CUDA_SUCCESS;
}
CUresult cuMemHostAlloc(void **memory, size_t bytes, unsigned) {
  ++fake.alive;
  *memory = std::malloc(bytes);
  return CUDA_SUCCESS;
}
CUresult cuMemFreeHost(void *memory) {
  --fake.alive;
  std::free(memory);
  return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                              CUstream) {
  std::memcpy(reinterpret_cast<void *>(to), from, bytes);
  return CUDA_SUCCESS;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                              CUstream) {
  std::memcpy(to, reinterpret_cast<void *>(from), bytes);
  return CUDA_SUCCESS;
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                              CUstream) {
  fake.bytesCopied += bytes;
  constexpr size_t kSmall = 1 << 20;
  const size_t touched = bytes < kSmall ? bytes : 64;
  std::memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
               touched);
  return CUDA_SUCCESS;
}
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *copy, CUstream) {
  for (size_t row = 0; row != copy->Height; ++row)
    std::memcpy(static_cast<char *>(copy->dstHost) + row * copy->dstPitch,
                reinterpret_cast<char *>(copy->srcDevice) +
                    row * copy->srcPitch,
                copy->WidthInBytes);
  return CUDA_SUCCESS;
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes,
                         CUstream) {
  constexpr size_t kSmall = 1 << 20;
  if (bytes < kSmall)
    std::memset(reinterpret_cast<void *>(to), value, bytes);
  return CUDA_SUCCESS;
}
CUresult cuStreamCreate(CUstream *stream, unsigned) { return make(stream); }
CUresult cuStreamDestroy_v2(CUstream stream) { return destroy(stream); }
CUresult cuStreamSynchronize(CUstream) { return fake.syncResult; }
CUresult cuEventCreate(CUevent *event, unsigned) { return make(event); }
CUresult cuEventDestroy_v2(CUevent event) { return destroy(event); }
CUresult cuEventRecord(CUevent event, CUstream) {
  fake.awaited.insert(event);
  return CUDA_SUCCESS;
}
CUresult cuEventSynchronize(CUevent event) {
  fake.awaited.erase(event);
  return fake.syncResult;
}

CUresult cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode) {
  CUgraph graph = nullptr;
  make(&graph);
  capturing = reinterpret_cast<std::vector<FakeLaunch> *>(graph);
  return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream, CUgraph *graph) {
  *graph = reinterpret_cast<CUgraph>(capturing);
  capturing = nullptr;
  return CUDA_SUCCESS;
}
CUresult cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph,
                                     unsigned long long) {
  make(executable);
  *reinterpret_cast<std::vector<FakeLaunch> *>(*executable) =
      *reinterpret_cast<std::vector<FakeLaunch> *>(graph);
  return CUDA_SUCCESS;
}
CUresult cuGraphLaunch(CUgraphExec executable, CUstream) {
  if (fake.graphLaunches == fake.mostGraphLaunches)
    return CUDA_ERROR_OUT_OF_MEMORY;
  ++fake.graphLaunches;
  for (const FakeLaunch &launch :
       *reinterpret_cast<std::vector<FakeLaunch> *>(executable))
    run(launch);
  return CUDA_SUCCESS;
}
CUresult cuGraphDestroy(CUgraph graph) { return destroy(graph); }
CUresult cuGraphExecDestroy(CUgraphExec graph) { return destroy(graph); }

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                            CUjit_option *options, void **values) {
  fake.loadedImage = static_cast<const char *>(image);
  for (unsigned index = 0; index != count; ++index)
    if (options[index] == CU_JIT_ERROR_LOG_BUFFER)
      std::strcpy(static_cast<char *>(values[index]), fake.loadLog.c_str());
  if (fake.loadResult != CUDA_SUCCESS)
    return fake.loadResult;
  return make(module);
}
CUresult cuModuleUnload(CUmodule module) { return destroy(module); }
CUresult cuModuleGetFunction(CUfunction *function, CUmodule, const char *name) {
  auto kernel = fake.kernels.find(name);
  if (kernel == fake.kernels.end())
    return CUDA_ERROR_NOT_FOUND;
  *function = reinterpret_cast<CUfunction>(&*kernel);
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute,
                            int value) {
  fake.sharedAllowed
      [reinterpret_cast<decltype(&*fake.kernels.begin())>(function)->first] =
      value;
  return CUDA_SUCCESS;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function,
                          void **params, void **) {
  if (fake.launchResult != CUDA_SUCCESS)
    return fake.launchResult;
  const auto &kernel =
      *reinterpret_cast<decltype(&*fake.kernels.begin())>(function);
  FakeLaunch launch = {kernel.first,
                       {config->gridDimX, config->gridDimY, config->gridDimZ},
                       config->blockDimX,
                       config->sharedMemBytes,
                       {}};
  constexpr unsigned kDefaultShared = 48 * 1024;
  const auto allowed = fake.sharedAllowed.find(kernel.first);
  if (launch.sharedBytes > (allowed != fake.sharedAllowed.end()
                                ? static_cast<unsigned>(allowed->second)
                                : kDefaultShared - fake.staticSharedBytes))
    return CUDA_ERROR_INVALID_VALUE;
  for (unsigned index = 0; index != config->numAttrs; ++index)
    if (config->attrs[index].id ==
        CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION)
      launch.overlaps =
          config->attrs[index].value.programmaticStreamSerializationAllowed !=
          0;
  for (size_t index = 0; index != kernel.second.size(); ++index)
    for (size_t word = 0; word != kernel.second[index]; ++word) {
      uint64_t value = 0;
      std::memcpy(&value, static_cast<char *>(params[index]) + 8 * word,
                  sizeof(value));
      launch.params.push_back(value);
    }
  if (capturing)
    capturing->push_back(launch);
  else
    run(launch);
  return CUDA_SUCCESS;
}
} // extern "C"
