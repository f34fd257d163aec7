//===- Nvml.cpp - What a GPU's energy counter says ------------------------===//

#include "qzc/Runtime/Cuda/Nvml.h"

#include <dlfcn.h>

namespace qzc::runtime {

template <typename Function>
static Function find(void *library, const char *symbol) {
  return reinterpret_cast<Function>(::dlsym(library, symbol));
}

Nvml::Nvml(const std::string &bus, const char *library) {
  void *opened = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!opened)
    return;
  // All return 0 where they succeed.
  auto *init = find<int (*)()>(opened, "nvmlInit_v2");
  auto *handle = find<int (*)(const char *, void **)>(
      opened, "nvmlDeviceGetHandleByPciBusId_v2");
  auto *energy = find<Energy>(opened, "nvmlDeviceGetTotalEnergyConsumption");
  if (init && handle && energy && init() == 0 &&
      handle(bus.c_str(), &Handle) == 0)
    TotalEnergy = energy;
}

std::optional<double> Nvml::joules() const {
  unsigned long long millijoules = 0;
  if (!TotalEnergy || TotalEnergy(Handle, &millijoules) != 0)
    return std::nullopt;
  return static_cast<double>(millijoules) / 1000;
}

} // namespace qzc::runtime
