//===- Rapl.h - What the CPU's own energy counters say ----------*- C++ -*-===//

#ifndef QZC_RUNTIME_CPU_RAPL_H
#define QZC_RUNTIME_CPU_RAPL_H

#include <optional>
#include <string>
#include <vector>

namespace qzc::runtime::cpu {

/// The energy counters of all CPU packages (RAPL), as Linux shows them to those
/// who may read them: mostly root. They count the whole package, whoever
/// uses it.
class Rapl {
public:
  /// Counters move on about every millisecond.
  static constexpr double kStepSeconds = 0.001;

  /// `root` is where the counters are: another folder in tests.
  explicit Rapl(const std::string &root = "/sys/class/powercap");

  /// Joules since this was made; nothing where there are no counters, or one
  /// cannot be read. Counters wrap, after minutes at the earliest: each call
  /// notices one wrap.
  std::optional<double> joules();

private:
  struct Counter {
    std::string path;
    double range; ///< microjoules at which it begins again
    double last;
  };
  std::vector<Counter> Counters;
  double Microjoules = 0;
};

} // namespace qzc::runtime::cpu

#endif // QZC_RUNTIME_CPU_RAPL_H
