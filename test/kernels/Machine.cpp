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

CUdeviceptr Machine::allocate(uint64_t bytes) {
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
                 const std::string &code, bool halfCache, int64_t chunk,
                 int64_t capacity)
    : Target(model, halfCache, chunk, capacity), D(driver) {
  D.check(D.cuModuleLoadDataFn(&Module, code.c_str()), "cuModuleLoadData");
  D.check(D.cuStreamCreateFn(&Stream, CU_STREAM_NON_BLOCKING), "cuStream");
  const Plan &plan = M.manifest.plan;
  At.weights = allocate(M.manifest.weightsBytes);
  if (M.weights.empty())
    D.check(D.cuMemsetD8_v2Fn(At.weights, 0, M.manifest.weightsBytes),
            "memset");
  else
    D.check(D.cuMemcpyHtoD_v2Fn(At.weights, M.weights.data(), M.weights.size()),
            "weights");
  const auto rows = static_cast<uint64_t>(chunk);
  At.body = allocate(plan.bytesPerToken * rows);
  At.head = allocate(plan.headBytesPerToken * rows);
  At.scratch =
      allocate(Program.scratchBytes + Program.scratchBytesPerToken * rows);
  At.state = allocate(sizeof(DeviceState));
  D.check(D.cuMemsetD8_v2Fn(At.state, 0, sizeof(DeviceState)), "state");
  At.tokens = allocate(rows * 4);
  At.targets = allocate(rows * 4);
  At.losses = allocate(rows * 4);
  for (const Launch &launch : plan.body)
    if (const auto *p = std::get_if<AttentionParams>(&launch.params)) {
      const auto bytes =
          uint64_t(p->kvHeads * capacity * p->headDim) * (halfCache ? 2 : 4);
      At.keys.push_back(allocate(bytes));
      At.values.push_back(allocate(bytes));
    }
  const uint64_t rangeBytes = At.keys.size() * sizeof(CacheRange);
  At.cacheRanges = allocate(rangeBytes);
  D.check(D.cuMemsetD8_v2Fn(At.cacheRanges, 0, rangeBytes), "ranges");
  for (const Rope &rope : plan.ropes) {
    const std::vector<float> table = ropeTable(rope, capacity);
    At.ropes.push_back(allocate(table.size() * 4));
    D.check(
        D.cuMemcpyHtoD_v2Fn(At.ropes.back(), table.data(), table.size() * 4),
        "rope table");
  }
}

Machine::~Machine() {
  D.cuCtxSynchronizeFn();
  for (CUdeviceptr pointer : Allocations)
    D.cuMemFree_v2Fn(pointer);
  D.cuModuleUnloadFn(Module);
}

void Machine::setState(int position, int tokens, int token, int rows) {
  const int fields[4] = {position, tokens, token, rows};
  D.check(D.cuMemcpyHtoD_v2Fn(At.state, fields, sizeof(fields)), "state");
}

DeviceState Machine::state() const {
  DeviceState state;
  D.check(D.cuMemcpyDtoH_v2Fn(&state, At.state, sizeof(state)), "state");
  return state;
}

void Machine::setTokens(const std::vector<int32_t> &tokens) {
  D.check(D.cuMemcpyHtoD_v2Fn(At.tokens, tokens.data(), tokens.size() * 4),
          "tokens");
}
void Machine::setTargets(const std::vector<int32_t> &targets) {
  D.check(D.cuMemcpyHtoD_v2Fn(At.targets, targets.data(), targets.size() * 4),
          "targets");
}

std::vector<float> Machine::readHead(uint64_t offset, size_t count) const {
  std::vector<float> values(count);
  D.check(D.cuMemcpyDtoH_v2Fn(values.data(), At.head + offset, count * 4),
          "logits");
  return values;
}

std::vector<float> Machine::losses(int64_t rows) const {
  std::vector<float> result(static_cast<size_t>(rows));
  D.check(D.cuMemcpyDtoH_v2Fn(result.data(), At.losses, result.size() * 4),
          "losses");
  return result;
}

CUfunction Machine::function(const CudaLaunch &launch) {
  const std::string name = symbol(launch);
  auto [found, isNew] = Functions.try_emplace(name);
  if (isNew) {
    D.check(D.cuModuleGetFunctionFn(&found->second, Module, name.c_str()),
            name.c_str());
    D.check(D.cuFuncSetAttributeFn(
                found->second, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                99 * 1024 - 8192 * (launch.sharedBytes < 60000)),
            name.c_str());
  }
  return found->second;
}

void Machine::launchOne(const CudaLaunch &launch, int64_t rows,
                        int64_t firstRow, bool dependent) {
  std::vector<uint64_t> values = resolve(launch, firstRow);
  std::vector<void *> pointers;
  for (uint64_t &value : values)
    pointers.push_back(&value);
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
    setState(position, int(rows), 1, int(rows));
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
  setState(position, int(rows), 1, int(rows));
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
