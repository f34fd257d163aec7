//===- FakeNvrtc.cpp - An NVRTC that compiles everything to nothing -------===//
//
// Compiling kernels takes seconds a model; tests that run many models on the
// CPU name this library in QZC_NVRTC.
//
//===----------------------------------------------------------------------===//

#include <nvrtc.h>

#include <cstring>

static constexpr char kCode[] = "no code";

extern "C" {

nvrtcResult nvrtcVersion(int *major, int *minor) {
  *major = 12;
  *minor = 0;
  return NVRTC_SUCCESS;
}

const char *nvrtcGetErrorString(nvrtcResult) { return "none"; }

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *,
                               const char *, int, const char *const *,
                               const char *const *) {
  *program = nullptr;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *) { return NVRTC_SUCCESS; }

nvrtcResult nvrtcCompileProgram(nvrtcProgram, int, const char *const *) {
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram, size_t *size) {
  *size = sizeof(kCode);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram, char *code) {
  std::memcpy(code, kCode, sizeof(kCode));
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *size) {
  return nvrtcGetCUBINSize(program, size);
}

nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *code) {
  return nvrtcGetCUBIN(program, code);
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram, size_t *size) {
  *size = 1;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram, char *log) {
  *log = '\0';
  return NVRTC_SUCCESS;
}
}
