//===- Main.cpp - The command line on the real image and devices ----------===//

#include "qzc/Runtime/App/App.h"

#include "qzc/Chat/Template.h"
#include "qzc/Support/Process.h"

#include <fcntl.h>
#include <string_view>

namespace qzc::runtime {

/// The only argument of the executable as the program that renders templates.
static constexpr const char *kRender = "--internal-render-template";

/// The running executable as a program that can be started: by its descriptor,
/// which stays whatever becomes of its name, and which an emulator of CPUs does
/// not take for itself.
static std::string ownProgram() {
  const int descriptor = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  return "/proc/self/fd/" + std::to_string(descriptor);
}

int runApp(int argc, char **argv) {
  if (argc == 2 && argv[1] == std::string_view(kRender))
    return chat::runRenderer();
  prepareProcess();
  AppEnvironment environment;
  environment.openImage = [](bool fullCheck, int threads) {
    return Image::openAtOnce("/proc/self/exe", fullCheck, threads);
  };
  environment.createCpu = createCpuEngine;
  environment.createCuda = createCudaEngine;
  environment.cudaPresent = cudaDevicePresent;
  environment.templateRenderer = {ownProgram(), kRender};
  return runApp(argc, const_cast<const char *const *>(argv), environment);
}

} // namespace qzc::runtime
