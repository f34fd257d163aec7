//===- qzc-nvrtc.cpp - One run of NVRTC, in a process of its own ----------===//
//
// qzc starts it for each kernel and architecture: NVRTC compiles one program at
// a time in a process.
//
//   qzc-nvrtc version                          prints "12.9"
//   qzc-nvrtc cubin|ptx OPTION… <source >code  the compiler's log on stderr
//
//===----------------------------------------------------------------------===//

#include "Nvrtc.h"

#include "qzc/Support/CommandLine.h"
#include "qzc/Support/Output.h"

#include <csignal>
#include <iostream>
#include <iterator>
#include <sys/prctl.h>

using namespace qzc;

static int run(const std::vector<std::string> &words) {
  const std::string what = words.empty() ? "" : words[0];
  if (what == "version" && words.size() == 1) {
    Output().write(cuda::Nvrtc().version());
    return 0;
  }
  if (what != "cubin" && what != "ptx")
    throw usageError("qzc starts this program: qzc-nvrtc version, or qzc-nvrtc "
                     "cubin|ptx OPTION… with the source as standard input");
  const std::string source(std::istreambuf_iterator<char>(std::cin), {});
  const cuda::NvrtcResult result = cuda::Nvrtc().compile(
      source, {words.begin() + 1, words.end()}, what == "ptx");
  Output(STDERR_FILENO).write(result.log);
  Output().write(result.code);
  return 0;
}

int main(int argc, char **argv) {
  // A compilation that nobody waits for any more ends with who asked for it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  return runTool("qzc-nvrtc", [&] { return run({argv + 1, argv + argc}); });
}
