//===- Compile.cpp - C++ text to cubins and PTX ---------------------------===//

#include "qzc/Target/Cuda/Compile.h"

#include "CodeCache.h"
#include "KernelHeaders.h"

#include "qzc/Support/Error.h"
#include "qzc/Support/Progress.h"
#include "qzc/Support/RunProgram.h"
#include "qzc/Support/ThreadPool.h"

#include <algorithm>
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

std::vector<Arch> qzc::cuda::defaultArchs() {
  return {{80, false, false}, {86, false, false},  {89, false, false},
          {90, true, false},  {100, false, false}, {120, false, false},
          {80, false, true}};
}

static Error unknownArch(std::string_view name) {
  if (name == "none")
    return usageError("--arch: none is for the CPU alone and goes with no "
                      "architecture");
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

static std::vector<std::string> options(const Arch &arch) {
  return {"--std=c++20", "-default-device", "-arch=" + arch.name()};
}

/// Texts told apart from all others.
static Sha256Digest digestOf(const std::vector<std::string_view> &texts) {
  Sha256 hash;
  for (const std::string_view text : texts) {
    const uint64_t size = text.size();
    hash.update(&size, sizeof(size));
    hash.update(text.data(), text.size());
  }
  return hash.finish();
}

/// What all sources see.
static Sha256Digest headersDigest() {
  std::vector<std::string_view> texts;
  for (const EmbeddedHeader &header : kernelHeaders()) {
    texts.push_back(header.name);
    texts.push_back(header.text);
  }
  return digestOf(texts);
}

/// The name under which a result is cached: everything it depends on.
static std::string cacheKey(const CompileUnit &unit, const std::string &version,
                            const Sha256Digest &headers) {
  const std::vector<std::string> words = options(unit.arch);
  std::vector<std::string_view> texts(words.begin(), words.end());
  texts.insert(texts.end(), {version,
                             {reinterpret_cast<const char *>(headers.data()),
                              headers.size()},
                             unit.source});
  return toHex(digestOf(texts));
}

/// Runs qzc-nvrtc with the words, to the end. Throws qzc::Error with what it
/// says where it fails.
static ProgramResult runNvrtc(const std::string &program,
                              std::vector<std::string> words,
                              const std::string &source) {
  words.insert(words.begin(), program);
  ProgramResult result = runProgram(words, source);
  if (result.signal != 0)
    throw Error("'" + program + "' was killed by signal " +
                std::to_string(result.signal));
  if (result.exitCode == 0)
    return result;
  std::string said = result.err;
  if (const size_t name = said.rfind(": error: NVRTC");
      name != std::string::npos)
    said.erase(0, name + std::string_view(": error: ").size());
  while (!said.empty() && said.back() == '\n')
    said.pop_back();
  throw Error(said.empty() ? "'" + program + "' failed" : said);
}

static ProgramResult compileOne(const std::string &program,
                                const std::string &source, const Arch &arch,
                                const std::vector<std::string> &more = {}) {
  std::vector<std::string> words = options(arch);
  words.insert(words.begin(), arch.ptx ? "ptx" : "cubin");
  words.insert(words.end(), more.begin(), more.end());
  try {
    return runNvrtc(program, words, source);
  } catch (const Error &error) {
    throw Error(arch.name() + ": " + error.what());
  }
}

CudaCompiler::CudaCompiler(std::string program)
    : Program(std::move(program)),
      Version(runNvrtc(Program, {"version"}, "").out) {}

int64_t CudaCompiler::minimumDriver() const {
  // Within a major version of CUDA, cubins run on the driver of its first
  // minor version (for the GPUs that driver knows).
  return std::stoll(Version) * 1000;
}

std::vector<CompiledCode>
CudaCompiler::compile(const std::vector<CompileUnit> &units,
                      int threads) const {
  std::vector<CompiledCode> code;
  std::vector<std::string> keys;
  std::vector<size_t> missing;
  CodeCache cache;
  const Sha256Digest headers = headersDigest();
  for (size_t i = 0; i < units.size(); ++i) {
    keys.push_back(cacheKey(units[i], Version, headers));
    std::optional<std::string> bytes = cache.load(keys[i]);
    if (!bytes)
      missing.push_back(i);
    code.push_back({units[i].arch, bytes.value_or("")});
  }
  if (missing.empty())
    return code;
  // NVRTC compiles one program at a time in a process: so, processes.
  const auto count = static_cast<int>(missing.size());
  Progress progress("compile", missing.size(), "kernels");
  ThreadPool pool(std::min(threads > 0 ? threads : availableThreads(), count));
  pool.parallelFor(count, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t unit = missing[static_cast<size_t>(i)];
      code[unit].bytes =
          compileOne(Program, units[unit].source, units[unit].arch).out;
      // At once: a run that is ended leaves to the next what it had.
      cache.store(keys[unit], code[unit].bytes);
      progress.advance(1);
    }
  });
  return code;
}

std::string CudaCompiler::resourceUsage(const std::string &source,
                                        const Arch &arch) const {
  return compileOne(Program, source, arch, {"--ptxas-options=-v"}).err;
}
