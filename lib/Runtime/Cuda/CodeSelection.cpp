//===- CodeSelection.cpp - Which code of an image a GPU runs --------------===//

#include "qzc/Runtime/Cuda/CodeSelection.h"

#include "qzc/Support/Error.h"

namespace qzc::runtime {

static bool runsOn(const DeviceCode &code, uint32_t capability) {
  if (code.ptx)
    return code.arch <= capability;
  if (code.specific)
    return code.arch == capability;
  return code.arch <= capability && code.arch / 10 == capability / 10;
}

/// Cubins before PTX, newer before older, architecture-specific before general.
static int rank(const DeviceCode &code) {
  constexpr int kCubin = 1 << 16;
  return (code.ptx ? 0 : kCubin) + static_cast<int>(code.arch) * 2 +
         (code.specific ? 1 : 0);
}

const DeviceCode &selectCode(const std::vector<DeviceCode> &codes,
                             uint32_t capability, const std::string &gpuName,
                             bool forcePtx) {
  const DeviceCode *best = nullptr;
  std::string inside;
  bool older = true;
  bool anyPtx = false;
  for (const DeviceCode &code : codes) {
    inside += (inside.empty() ? "" : ", ") + codeName(code);
    older = older && code.arch > capability;
    anyPtx = anyPtx || code.ptx;
    if (runsOn(code, capability) && (code.ptx || !forcePtx) &&
        (!best || rank(code) > rank(*best)))
      best = &code;
  }
  if (best)
    return *best;
  if (codes.empty())
    throw Error("this image holds no GPU code: use --device=cpu, or compile it "
                "with --arch");
  std::string gpu =
      "the GPU '" + gpuName + "' (sm_" + std::to_string(capability) + ")";
  if (older)
    throw Error(gpu + " is older than all code inside this image (" + inside +
                "): use a newer GPU or --device=cpu");
  if (forcePtx && !anyPtx)
    throw Error("--force-ptx: this image holds no PTX (inside: " + inside +
                ")");
  throw Error("no code inside this image (" + inside + ") runs on " + gpu +
              ": compile it with --arch=" + std::to_string(capability) +
              ", or use --device=cpu");
}

const format::CudaProgram &programOf(const format::Manifest &manifest,
                                     const DeviceCode &code) {
  const std::string name = format::archName(code.arch, code.specific, code.ptx);
  for (const format::CudaProgram &program : manifest.cuda)
    for (const std::string &arch : program.archs)
      if (arch == name)
        return program;
  throw Error("the manifest has no program for the code for " + name);
}

} // namespace qzc::runtime
