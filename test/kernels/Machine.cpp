//===- Machine.cpp - The smallest runtime that runs a program -------------===//

#include "Machine.h"

#include "qzc/Support/Error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <dlfcn.h>

using namespace qzc;
using namespace qzc::kernel_test;
using namespace qzc::format;

Driver::Driver() {
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (!library)
    throw Error(std::string("no CUDA driver: ") + dlerror());
#define QZC_RESOLVE(Name)                                                      \
  Name##Fn = reinterpret_cast<decltype(Name##Fn)>(dlsym(library, #Name));      \
  if (!Name##Fn)                                                               \
    throw Error("the CUDA driver has no " #Name);
  QZC_DRIVER_FUNCTIONS(QZC_RESOLVE)
#undef QZC_RESOLVE
  check(cuInitFn(0), "cuInit");
  CUdevice device;
  check(cuDeviceGetFn(&device, 0), "cuDeviceGet");
  CUcontext context;
  check(cuDevicePrimaryCtxRetainFn(&context, device), "context");
  check(cuCtxSetCurrentFn(context), "context");
}

void Driver::check(CUresult result, const char *what) const {
  if (result == CUDA_SUCCESS)
    return;
  const char *text = "?";
  cuGetErrorNameFn(result, &text);
  throw Error(std::string(what) + ": " + text);
}

uint64_t Machine::allocate(uint64_t bytes) {
  CUdeviceptr pointer;
  D.check(D.cuMemAlloc_v2Fn(&pointer, std::max<uint64_t>(bytes, 256)),
          "cuMemAlloc");
  // NaN patterns, so that reading what nobody wrote shows.
  D.check(D.cuMemsetD8_v2Fn(pointer, 0xff, std::max<uint64_t>(bytes, 256)),
          "cuMemset");
  Allocations.push_back(pointer);
  return pointer;
}

Machine::Machine(const Driver &driver, const Model &model,
                 const CudaProgram &program, const std::string &code,
                 runtime::CacheType cache, int64_t chunk, int64_t capacity)
    : Target(model, program, cache, chunk, capacity), D(driver) {
  D.check(D.cuModuleLoadDataFn(&Module, code.c_str()), "cuModuleLoadData");
  D.check(D.cuStreamCreateFn(&Stream, CU_STREAM_NON_BLOCKING), "cuStream");
  At.weights = allocate(M.manifest.weightsBytes);
  if (M.weights.empty())
    D.check(D.cuMemsetD8_v2Fn(At.weights, 0, M.manifest.weightsBytes),
            "memset");
  else
    write(At.weights, M.weights.data(), M.weights.size());
  allocateAll();
  Machine::run(Program.arrange, 1, 0);
}

Machine::~Machine() {
  D.cuCtxSynchronizeFn();
  for (CUdeviceptr pointer : Allocations)
    D.cuMemFree_v2Fn(pointer);
  D.cuModuleUnloadFn(Module);
}

void Machine::write(uint64_t to, const void *from, size_t bytes) {
  D.check(D.cuMemcpyHtoD_v2Fn(to, from, bytes), "writing");
  // Small copies may still be on their way, and the stream does not wait.
  D.check(D.cuCtxSynchronizeFn(), "writing");
}

void Machine::read(void *to, uint64_t from, size_t bytes) const {
  D.check(D.cuMemcpyDtoH_v2Fn(to, from, bytes), "reading");
}

CUfunction Machine::function(const CudaLaunch &launch) {
  const std::string name = symbol(launch);
  auto [found, isNew] = Functions.try_emplace(name);
  auto &[function, shared] = found->second;
  if (isNew)
    D.check(D.cuModuleGetFunctionFn(&function, Module, name.c_str()),
            name.c_str());
  if (isNew || launch.sharedBytes > shared) {
    shared = std::max<uint32_t>(90 * 1024, launch.sharedBytes);
    D.check(D.cuFuncSetAttributeFn(
                function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                int(shared)),
            name.c_str());
  }
  return function;
}

void Machine::launchOne(const CudaLaunch &launch, int64_t rows,
                        int64_t firstRow, bool dependent) {
  std::vector<std::vector<uint64_t>> values = resolve(launch, firstRow);
  std::vector<void *> pointers;
  for (std::vector<uint64_t> &value : values)
    pointers.push_back(value.data());
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.gridDimX = extent(launch.grid[0], rows);
  config.gridDimY = extent(launch.grid[1], rows);
  config.gridDimZ = extent(launch.grid[2], rows);
  config.blockDimX = launch.blockThreads;
  config.blockDimY = 1;
  config.blockDimZ = 1;
  config.sharedMemBytes = launch.sharedBytes;
  config.hStream = Stream;
  config.attrs = &attribute;
  config.numAttrs = dependent ? 1 : 0;
  D.check(
      D.cuLaunchKernelExFn(&config, function(launch), pointers.data(), nullptr),
      launch.kernel.c_str());
}

void Machine::run(const std::vector<CudaLaunch> &list, int64_t rows,
                  int64_t firstRow) {
  for (const CudaLaunch &launch : list)
    launchOne(launch, rows, firstRow, Dependent);
  D.check(D.cuStreamSynchronizeFn(Stream), "running");
}

void Machine::setSomeTokens(int position, int64_t count) {
  setTokens(position, std::vector<int32_t>(size_t(count), 1), int(count));
}

double Machine::timeGraph(const std::vector<CudaLaunch> &list, int64_t rows,
                          int repeats, bool dependent, int position) {
  for (const CudaLaunch &launch : list)
    function(launch);
  D.check(D.cuStreamBeginCapture_v2Fn(Stream, CU_STREAM_CAPTURE_MODE_RELAXED),
          "capture");
  for (const CudaLaunch &launch : list)
    launchOne(launch, rows, 0, dependent);
  CUgraph graph;
  D.check(D.cuStreamEndCaptureFn(Stream, &graph), "capture");
  CUgraphExec exec;
  D.check(D.cuGraphInstantiateWithFlagsFn(&exec, graph, 0), "graph");
  CUevent begin, end;
  D.check(D.cuEventCreateFn(&begin, 0), "event");
  D.check(D.cuEventCreateFn(&end, 0), "event");
  float best = 1e30f;
  for (int round = 0; round < 4; ++round) {
    setSomeTokens(position, rows);
    D.check(D.cuEventRecordFn(begin, Stream), "event");
    for (int i = 0; i < repeats; ++i)
      D.check(D.cuGraphLaunchFn(exec, Stream), "graph");
    D.check(D.cuEventRecordFn(end, Stream), "event");
    D.check(D.cuEventSynchronizeFn(end), "timing");
    float ms = 0;
    D.check(D.cuEventElapsedTimeFn(&ms, begin, end), "timing");
    best = std::min(best, ms);
  }
  return double(best) * 1000.0 / repeats;
}

void Machine::profile(const std::vector<CudaLaunch> &list, int64_t rows,
                      int position) {
  setSomeTokens(position, rows);
  CUevent begin, end;
  D.check(D.cuEventCreateFn(&begin, 0), "event");
  D.check(D.cuEventCreateFn(&end, 0), "event");
  std::map<std::string, std::pair<int, double>> times;
  constexpr int repeats = 10;
  for (const CudaLaunch &launch : list) {
    launchOne(launch, rows, 0, false);
    D.check(D.cuEventRecordFn(begin, Stream), "event");
    for (int i = 0; i < repeats; ++i)
      launchOne(launch, rows, 0, false);
    D.check(D.cuEventRecordFn(end, Stream), "event");
    D.check(D.cuEventSynchronizeFn(end), launch.kernel.c_str());
    float ms = 0;
    D.check(D.cuEventElapsedTimeFn(&ms, begin, end), "timing");
    auto &entry = times[launch.kernel];
    ++entry.first;
    entry.second += double(ms) * 1000.0 / repeats;
  }
  for (const auto &[name, entry] : times)
    std::printf("    %-18s x%-4d %9.1f us each\n", name.c_str(), entry.first,
                entry.second / entry.first);
}
