//===- Driver.cpp - libcuda.so.1, opened at run time ----------------------===//

#include "qzc/Runtime/Cuda/Driver.h"

#include "qzc/Support/Error.h"

#include <dlfcn.h>

namespace qzc::runtime {

std::string cudaVersionName(int64_t version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

static void *openLibrary(const char *library) {
  return ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
}

/// Why cuInit failed, for the cases with a known cure.
static std::string initAdvice(CUresult result) {
  switch (result) {
  case CUDA_ERROR_NO_DEVICE:
    return "no CUDA device is visible: check nvidia-smi and "
           "CUDA_VISIBLE_DEVICES, or use --device=cpu";
  case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    return "libcuda and the kernel's NVIDIA driver are of different versions: "
           "reboot, or install one version of both";
  case CUDA_ERROR_STUB_LIBRARY:
    return "the libcuda found is the toolkit's stub for linking: install the "
           "NVIDIA driver, or use --device=cpu";
  default:
    return "";
  }
}

std::string Driver::describe(CUresult result) const {
  const char *name = nullptr;
  const char *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  return std::string(text ? text : "unknown error") + " (" +
         (name ? name : std::to_string(static_cast<int>(result))) + ")";
}

void Driver::check(CUresult result, const std::string &what) const {
  if (result != CUDA_SUCCESS)
    throw Error("CUDA: " + what + " failed: " + describe(result));
}

std::unique_ptr<Driver> Driver::open(const char *library) {
  void *handle = openLibrary(library);
  if (!handle)
    throw Error("no NVIDIA driver: " + std::string(library) +
                " cannot be opened: install the driver, or use --device=cpu");
  std::unique_ptr<Driver> driver(new Driver());
#define QZC_DRIVER_ENTRY(Member, Symbol)                                       \
  driver->Member =                                                             \
      reinterpret_cast<decltype(driver->Member)>(::dlsym(handle, #Symbol));    \
  if (!driver->Member)                                                         \
    throw Error("the NVIDIA driver is too old: " + std::string(library) +      \
                " has no " #Symbol ": install driver 525 or newer, or use "    \
                "--device=cpu");
#include "qzc/Runtime/Cuda/DriverEntries.def"

  CUresult result = driver->init(0);
  if (result != CUDA_SUCCESS) {
    std::string advice = initAdvice(result);
    throw Error("the NVIDIA driver does not start: " +
                (advice.empty() ? driver->describe(result) : advice));
  }
  driver->check(driver->driverGetVersion(&driver->Version),
                "asking for the driver's version");
  return driver;
}

bool Driver::devicePresent(const char *library) {
  void *handle = openLibrary(library);
  if (!handle)
    return false;
  auto init = reinterpret_cast<decltype(&::cuInit)>(::dlsym(handle, "cuInit"));
  auto getCount = reinterpret_cast<decltype(&::cuDeviceGetCount)>(
      ::dlsym(handle, "cuDeviceGetCount"));
  if (!init || !getCount)
    return true;
  CUresult result = init(0);
  if (result == CUDA_ERROR_NO_DEVICE || result == CUDA_ERROR_STUB_LIBRARY)
    return false;
  int count = 0;
  return result != CUDA_SUCCESS || getCount(&count) != CUDA_SUCCESS ||
         count > 0;
}

} // namespace qzc::runtime
