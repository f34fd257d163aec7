//===- Nvrtc.cpp - CUDA's run-time compiler ------------------------------===//

#include "Nvrtc.h"

#include "KernelHeaders.h"

#include "qzc/Support/Error.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace qzc;
using namespace qzc::cuda;

template <class Function>
static void resolve(void *library, const char *name, Function &function,
                    const std::string &path) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function)
    throw Error("'" + path + "' is no NVRTC: it has no " + name);
}

Nvrtc::Nvrtc() {
  const char *chosen = std::getenv("QZC_NVRTC");
  const std::string path = chosen ? chosen : QZC_NVRTC_LIBRARY;
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw Error("NVRTC cannot be opened (" + std::string(dlerror()) +
                "): run scripts/setup, or name the library in QZC_NVRTC");
  resolve(library, "nvrtcVersion", Version, path);
  resolve(library, "nvrtcGetErrorString", ErrorString, path);
  resolve(library, "nvrtcCreateProgram", CreateProgram, path);
  resolve(library, "nvrtcDestroyProgram", DestroyProgram, path);
  resolve(library, "nvrtcCompileProgram", CompileProgram, path);
  resolve(library, "nvrtcGetCUBINSize", CubinSize, path);
  resolve(library, "nvrtcGetCUBIN", Cubin, path);
  resolve(library, "nvrtcGetPTXSize", PtxSize, path);
  resolve(library, "nvrtcGetPTX", Ptx, path);
  resolve(library, "nvrtcGetProgramLogSize", LogSize, path);
  resolve(library, "nvrtcGetProgramLog", Log, path);
  Version(&Major, &Minor);
}

/// The line of a log that says what went wrong.
static std::string firstError(const std::string &log) {
  size_t begin = log.find("error");
  if (begin == std::string::npos)
    begin = 0;
  begin = log.rfind('\n', begin);
  begin = begin == std::string::npos ? 0 : begin + 1;
  return log.substr(begin, log.find('\n', begin) - begin);
}

NvrtcResult Nvrtc::compile(const std::string &source,
                           const std::vector<std::string> &options,
                           bool ptx) const {
  std::vector<std::string> texts;
  std::vector<std::string> names;
  std::vector<const char *> textPointers;
  std::vector<const char *> namePointers;
  for (const EmbeddedHeader &header : kernelHeaders()) {
    texts.emplace_back(header.text);
    names.emplace_back(header.name);
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    textPointers.push_back(texts[i].c_str());
    namePointers.push_back(names[i].c_str());
  }
  std::vector<const char *> optionPointers;
  optionPointers.reserve(options.size());
  for (const std::string &option : options)
    optionPointers.push_back(option.c_str());

  auto check = [&](nvrtcResult result, const char *what) {
    if (result != NVRTC_SUCCESS)
      throw Error(std::string("NVRTC: ") + what +
                  " failed: " + ErrorString(result));
  };
  struct Program {
    decltype(&nvrtcDestroyProgram) Destroy;
    nvrtcProgram handle = nullptr;
    ~Program() {
      if (handle)
        Destroy(&handle);
    }
  } program{DestroyProgram};
  check(CreateProgram(&program.handle, source.c_str(), "model.cu",
                      static_cast<int>(texts.size()), textPointers.data(),
                      namePointers.data()),
        "creating a program");
  const nvrtcResult outcome = CompileProgram(
      program.handle, static_cast<int>(options.size()), optionPointers.data());
  NvrtcResult result;
  size_t bytes = 0;
  check(LogSize(program.handle, &bytes), "reading the log");
  result.log.resize(bytes);
  check(Log(program.handle, result.log.data()), "reading the log");
  while (!result.log.empty() && result.log.back() == '\0')
    result.log.pop_back();
  if (outcome != NVRTC_SUCCESS)
    throw Error("NVRTC " + version() + ": " + ErrorString(outcome) + ": " +
                firstError(result.log));
  check(ptx ? PtxSize(program.handle, &bytes)
            : CubinSize(program.handle, &bytes),
        "reading the code's size");
  result.code.resize(bytes);
  check(ptx ? Ptx(program.handle, result.code.data())
            : Cubin(program.handle, result.code.data()),
        "reading the code");
  return result;
}
