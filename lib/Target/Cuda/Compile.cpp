//===- Compile.cpp - C++ text to cubins and PTX ---------------------------===//

#include "qzc/Target/Cuda/Compile.h"

#include "CodeCache.h"
#include "Nvrtc.h"
#include "Processes.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <functional>
#include <optional>

using namespace qzc;
using namespace qzc::cuda;

/// Everything that may be asked for by --arch, in the order of help texts.
static const std::vector<Arch> &supportedArchs() {
  static const std::vector<Arch> archs = {
      {80, false, false},  {86, false, false}, {87, false, false},
      {89, false, false},  {90, false, false}, {90, true, false},
      {100, false, false}, {100, true, false}, {103, false, false},
      {120, false, false}, {120, true, false}, {121, false, false},
      {80, false, true},   {90, false, true},
  };
  return archs;
}

std::string Arch::name() const {
  return (ptx ? "compute_" : "sm_") + std::to_string(number) +
         (specific ? "a" : "");
}

std::vector<Arch> qzc::cuda::defaultArchs() {
  return {{80, false, false}, {86, false, false},  {89, false, false},
          {90, true, false},  {100, false, false}, {120, false, false},
          {80, false, true}};
}

static Error unknownArch(std::string_view name) {
  std::string known;
  for (const Arch &arch : supportedArchs())
    known += (known.empty() ? "" : ", ") + arch.name();
  return usageError("--arch: '" + std::string(name) +
                    "' is not supported; known are none, " + known);
}

std::vector<Arch> qzc::cuda::parseArchs(std::string_view list) {
  std::vector<Arch> archs;
  if (list == "none")
    return archs;
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    auto found = std::find_if(
        supportedArchs().begin(), supportedArchs().end(), [&](const Arch &a) {
          return a.name() == item ||
                 (!a.ptx && a.name() == "sm_" + std::string(item));
        });
    if (found == supportedArchs().end())
      throw unknownArch(item);
    if (std::find(archs.begin(), archs.end(), *found) == archs.end())
      archs.push_back(*found);
    if (comma == std::string_view::npos)
      return archs;
    list.remove_prefix(comma + 1);
  }
}

std::string qzc::cuda::nvrtcVersion() { return Nvrtc::get().version(); }

int64_t qzc::cuda::minimumDriver() {
  // Within a major version of CUDA, cubins run on the driver of its first
  // minor version (for the GPUs that driver knows).
  return int64_t(Nvrtc::get().major()) * 1000;
}

static std::vector<std::string> options(const Arch &arch) {
  return {"--std=c++17", "-default-device", "-arch=" + arch.name()};
}

/// The name under which a result is cached: everything it depends on.
static std::string cacheKey(const std::string &source, const Arch &arch) {
  Sha256 hash;
  auto add = [&](std::string_view text) {
    const uint64_t size = text.size();
    hash.update(&size, sizeof(size));
    hash.update(text.data(), text.size());
  };
  add(Nvrtc::get().version());
  for (const std::string &option : options(arch))
    add(option);
  for (const EmbeddedHeader &header : kernelHeaders()) {
    add(header.name);
    add(header.text);
  }
  add(source);
  return toHex(hash.finish());
}

std::vector<CompiledCode> qzc::cuda::compileCuda(const std::string &source,
                                                 const std::vector<Arch> &archs,
                                                 int threads) {
  std::vector<CompiledCode> code;
  std::vector<std::string> keys;
  std::vector<size_t> missing;
  CodeCache cache;
  for (size_t i = 0; i < archs.size(); ++i) {
    keys.push_back(cacheKey(source, archs[i]));
    std::optional<std::string> bytes = cache.load(keys[i]);
    if (!bytes)
      missing.push_back(i);
    code.push_back({archs[i], bytes.value_or("")});
  }
  // NVRTC compiles one program at a time in a process: so, processes.
  std::vector<std::function<std::string()>> jobs;
  jobs.reserve(missing.size());
  for (size_t i : missing)
    jobs.emplace_back([&source, &archs, i] {
      return Nvrtc::get().compile(source, options(archs[i]), archs[i].ptx,
                                  nullptr);
    });
  std::vector<std::string> results =
      runInProcesses(jobs, threads > 0 ? threads : availableThreads());
  for (size_t i = 0; i < missing.size(); ++i) {
    cache.store(keys[missing[i]], results[i]);
    code[missing[i]].bytes = std::move(results[i]);
  }
  return code;
}

std::string qzc::cuda::resourceUsage(const std::string &source,
                                     const Arch &arch) {
  std::vector<std::string> arguments = options(arch);
  arguments.emplace_back("--ptxas-options=-v");
  std::string log;
  Nvrtc::get().compile(source, arguments, arch.ptx, &log);
  return log;
}
