//===- CpuQuota.h - How much CPU time a container leaves --------*- C++ -*-===//

#ifndef QZC_SUPPORT_CPUQUOTA_H
#define QZC_SUPPORT_CPUQUOTA_H

#include <optional>
#include <string>

namespace qzc {

/// The CPUs whose time the cgroups of this process (versions 1 and 2) let it
/// use, 1.5 for one and a half; none: no limit, or none that can be read. Files
/// are looked for below `root`.
std::optional<double> cpuQuota(const std::string &root = "");

} // namespace qzc

#endif // QZC_SUPPORT_CPUQUOTA_H
