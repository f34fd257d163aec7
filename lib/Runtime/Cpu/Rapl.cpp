//===- Rapl.cpp - What the CPU's own energy counters say ------------------===//

#include "Rapl.h"

#include <filesystem>
#include <fstream>

namespace qzc::runtime::cpu {

namespace fs = std::filesystem;

static std::optional<double> numberIn(const std::string &path) {
  std::ifstream file(path);
  double value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

Rapl::Rapl(const std::string &root) {
  std::error_code failed;
  for (const auto &zone : fs::directory_iterator(root, failed)) {
    // Packages are "intel-rapl:0"; "intel-rapl:0:0" is a part of one. AMD's
    // have the same names.
    const std::string name = zone.path().filename().string();
    const size_t colon = name.find(':');
    if (name.rfind("intel-rapl:", 0) != 0 ||
        name.find(':', colon + 1) != std::string::npos)
      continue;
    const std::string path = (zone.path() / "energy_uj").string();
    const auto range = numberIn((zone.path() / "max_energy_range_uj").string());
    const auto now = numberIn(path);
    if (!range || !now) {
      // A sum over some of the packages would say nothing.
      Counters.clear();
      return;
    }
    Counters.push_back({path, *range, *now});
  }
}

std::optional<double> Rapl::joules() {
  if (Counters.empty())
    return std::nullopt;
  for (Counter &counter : Counters) {
    const auto now = numberIn(counter.path);
    if (!now)
      return std::nullopt;
    Microjoules += *now - counter.last;
    if (*now < counter.last)
      Microjoules += counter.range;
    counter.last = *now;
  }
  return Microjoules / 1e6;
}

} // namespace qzc::runtime::cpu
