//===- App.h - The command line of a compiled model -------------*- C++ -*-===//

#ifndef QZC_RUNTIME_APP_APP_H
#define QZC_RUNTIME_APP_APP_H

#include "qzc/Runtime/Engine.h"
#include "qzc/Runtime/Image.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace qzc::runtime {

/// What the command line takes from outside; tests put fakes in its place.
struct AppEnvironment {
  using EngineFactory = std::function<std::unique_ptr<Engine>(
      const Image &image, const EngineOptions &options)>;

  std::function<std::unique_ptr<Image>(bool fullCheck, int threads)> openImage;
  EngineFactory createCpu;
  EngineFactory createCuda;
  std::function<bool()> cudaPresent;
  /// The program (its path and arguments) whose main() is chat::runRenderer.
  std::vector<std::string> templateRenderer;
  int input = 0;  ///< file descriptor of what --chat reads
  int output = 1; ///< file descriptor of results
};

/// Parses the arguments, runs the one mode they name and returns the exit code
/// (0, 1 failed, 2 wrong call). Results go to `environment.output`, all else to
/// stderr.
int runApp(int argc, const char *const *argv,
           const AppEnvironment &environment);

/// main() of a compiled model: the image is the running executable. Started by
/// itself, as it names itself in `templateRenderer`, it renders a chat
/// template.
int runApp(int argc, char **argv);

} // namespace qzc::runtime

#endif // QZC_RUNTIME_APP_APP_H
