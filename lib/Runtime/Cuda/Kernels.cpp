//===- Kernels.cpp - Loading device code ----------------------------------===//

#include "qzc/Runtime/Cuda/CodeSelection.h"
#include "qzc/Runtime/Cuda/Device.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/OneLine.h"

#include <array>

namespace qzc::runtime {

/// The first driver branch of a CUDA version, for messages; 0 if unknown.
static int driverBranch(int64_t version) {
  // From the CUDA toolkit's release notes, Linux x86-64.
  static constexpr std::array<std::pair<int, int>, 10> kBranches = {{
      {12000, 525},
      {12010, 530},
      {12020, 535},
      {12030, 545},
      {12040, 550},
      {12050, 555},
      {12060, 560},
      {12080, 570},
      {12090, 575},
      {13000, 580},
  }};
  for (auto [cuda, branch] : kBranches)
    if (cuda == version)
      return branch;
  return 0;
}

static std::string driverNeeded(int64_t version) {
  int branch = driverBranch(version);
  return "one for CUDA " + cudaVersionName(version) + " or newer" +
         (branch ? " (driver " + std::to_string(branch) + ")" : "");
}

/// 12090 of "12.9"; 0 if the text is no version.
static int64_t parseVersion(const std::string &text) {
  int major = 0;
  int minor = 0;
  if (std::sscanf(text.c_str(), "%d.%d", &major, &minor) != 2)
    return 0;
  return int64_t{major} * 1000 + int64_t{minor} * 10;
}

[[noreturn]] static void failLoad(const Driver &api, CUresult result,
                                  const DeviceCode &code,
                                  const format::Manifest &manifest,
                                  const std::string &log) {
  if (result == CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
    throw Error("the NVIDIA driver (CUDA " + cudaVersionName(api.version()) +
                ") is too old for this image's " + codeName(code) +
                ", made by NVRTC " + manifest.nvrtcVersion + ": PTX needs " +
                driverNeeded(parseVersion(manifest.nvrtcVersion)) +
                (manifest.minimumDriver
                     ? "; a cubin for this GPU (qzc --arch) runs from CUDA " +
                           cudaVersionName(manifest.minimumDriver) + " on"
                     : ""));
  if (result == CUDA_ERROR_OUT_OF_MEMORY)
    throw Error("out of GPU memory while loading " + codeName(code) +
                ": end other work on this GPU");
  throw Error("CUDA: loading " + codeName(code) + " failed: " +
              api.describe(result) + (log.empty() ? "" : ": " + log));
}

Kernels::Kernels(const Device &device, const DeviceCode &code,
                 const format::Manifest &manifest)
    : Api(device.driver()), Code(code), Manifest(manifest),
      Unpacked(code.section, "this image's " + codeName(code)),
      Waits(code.arch >= 90 && Api.version() >= 12030) {
  if (Api.version() < manifest.minimumDriver)
    throw Error("the NVIDIA driver (CUDA " + cudaVersionName(Api.version()) +
                ") is too old for this image, made by NVRTC " +
                manifest.nvrtcVersion + ": its code needs " +
                driverNeeded(manifest.minimumDriver) +
                ": update the driver, or use --device=cpu");
  for (const format::CodeModule &module : Unpacked.modules())
    ByName.emplace(module.kernel, Loaded{module.code});
}

Kernels::~Kernels() {
  for (auto &[name, module] : ByName)
    if (module.handle)
      Api.moduleUnload(module.handle);
}

CUmodule Kernels::load(std::string_view code) const {
  // The driver reads PTX up to its NUL.
  if (Code.ptx && code.find('\0') != code.size() - 1)
    throw Error("this image's " + codeName(Code) +
                " is no NUL-terminated text: compile it again");
  std::array<char, 4096> log = {};
  std::array<CUjit_option, 2> options = {CU_JIT_ERROR_LOG_BUFFER,
                                         CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  std::array<void *, 2> values = {
      log.data(), reinterpret_cast<void *>(uintptr_t{log.size() - 1})};
  CUmodule handle = nullptr;
  CUresult result = Api.moduleLoadDataEx(&handle, code.data(), options.size(),
                                         options.data(), values.data());
  if (result != CUDA_SUCCESS)
    failLoad(Api, result, Code, Manifest, oneLine(log.data()));
  return handle;
}

CUfunction Kernels::function(const std::string &module,
                             const std::string &suffix, uint32_t sharedBytes) {
  const std::string name = module + suffix;
  const auto found = ByName.find(module);
  if (found == ByName.end())
    throw Error("this image's " + codeName(Code) + " has no kernel " + name +
                ": compile it again");
  Loaded &loaded = found->second;
  if (!loaded.handle)
    loaded.handle = load(loaded.code);
  CUfunction kernel = nullptr;
  Api.check(Api.moduleGetFunction(&kernel, loaded.handle, name.c_str()),
            "finding kernel " + name);
  // Beyond 48 KiB only on request; what the kernel declares itself counts too.
  // Another launch of the kernel may need more than this one.
  uint32_t &allowed = Shared[name];
  if (sharedBytes > allowed) {
    Api.check(Api.funcSetAttribute(
                  kernel, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                  static_cast<int>(sharedBytes)),
              "giving kernel " + name + " " + std::to_string(sharedBytes) +
                  " bytes of shared memory");
    allowed = sharedBytes;
  }
  return kernel;
}

} // namespace qzc::runtime
