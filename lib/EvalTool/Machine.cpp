//===- Machine.cpp - Where something was measured -------------------------===//

#include "Machine.h"

#include "qzc/Support/ThreadPool.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/utsname.h>

namespace qzc::evaltool {

namespace fs = std::filesystem;

/// The value behind "KEY   : " in a file of such lines; empty where there is
/// none.
static std::string valueOf(const fs::path &path, const std::string &key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0)
      continue;
    const size_t colon = line.find(':');
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    if (colon != std::string::npos && begin != std::string::npos)
      return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
  }
  return "";
}

/// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue …": the
/// first word that begins with a digit and has a point in it.
static std::string driverVersion(const fs::path &path) {
  std::istringstream words(valueOf(path, "NVRM version"));
  for (std::string word; words >> word;)
    if (word.front() >= '0' && word.front() <= '9' &&
        word.find('.') != std::string::npos)
      return word;
  return "";
}

Machine thisMachine(const std::string &root) {
  const fs::path proc = root;
  Machine machine;
  machine.cpu = valueOf(proc / "cpuinfo", "model name");
  machine.threads = availableThreads();
  std::istringstream(valueOf(proc / "meminfo", "MemTotal")) >>
      machine.memoryBytes;
  machine.memoryBytes *= 1024;
  utsname system = {};
  if (::uname(&system) == 0)
    machine.system = std::string(system.sysname) + " " + system.release + " " +
                     system.machine;
  machine.driver = driverVersion(proc / "driver/nvidia/version");
  std::error_code ignored;
  for (const auto &gpu :
       fs::directory_iterator(proc / "driver/nvidia/gpus", ignored))
    machine.gpus.push_back(valueOf(gpu.path() / "information", "Model"));
  std::sort(machine.gpus.begin(), machine.gpus.end());
  return machine;
}

std::string builtFrom() {
  // Beside the program, so that a commit alone does not change the program.
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  std::ifstream file(program.parent_path() / "commit.txt");
  std::string commit;
  return file >> commit ? commit : "unknown";
}

} // namespace qzc::evaltool
