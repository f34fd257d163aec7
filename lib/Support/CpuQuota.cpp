//===- CpuQuota.cpp - How much CPU time a container leaves ----------------===//
//
// /proc/self/cgroup names the group of this process in each hierarchy,
// /proc/self/mountinfo says where hierarchies are mounted, and which of their
// folders that shows: a container may see its own group as the root. Limits of
// the groups above hold as well.
//
//===----------------------------------------------------------------------===//

#include "qzc/Support/CpuQuota.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace qzc {

namespace {

/// A line of /proc/self/cgroup that may limit CPU time.
struct Group {
  bool unified; ///< version 2
  std::string path;
};

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

bool lists(const std::string &commaSeparated, const std::string &name) {
  const std::vector<std::string> names = split(commaSeparated, ',');
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Lines are "5:cpu,cpuacct:/path" or, of version 2, "0::/path".
std::vector<Group> groupsOf(const std::string &root) {
  std::vector<Group> groups;
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty() || lists(controllers, "cpu"))
      groups.push_back({controllers.empty(), line.substr(second + 1)});
  }
  return groups;
}

/// Spaces and the like stand in mountinfo as \040.
std::string unescaped(const std::string &text) {
  std::string result;
  for (size_t i = 0; i != text.size(); ++i) {
    const auto isDigit = [&](size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7';
    };
    if (text[i] == '\\' && isDigit(i + 1) && isDigit(i + 2) && isDigit(i + 3)) {
      result += static_cast<char>((text[i + 1] - '0') * 64 +
                                  (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// `path` of a hierarchy as seen where its folder `shown` is mounted. What is
/// not below that folder cannot be seen: then the mounted folder itself counts,
/// which is the process's own group in a container.
std::string below(const std::string &shown, const std::string &path) {
  if (path.find("/..") != std::string::npos)
    return "";
  if (shown == "/")
    return path == "/" ? "" : path;
  if (path.compare(0, shown.size(), shown) == 0 &&
      (path.size() == shown.size() || path[shown.size()] == '/'))
    return path.substr(shown.size());
  return "";
}

/// A quota in one folder: "150000 100000" or "max 100000" in a file of version
/// 2; numbers in two files, -1 for no limit, in version 1.
std::optional<double> quotaIn(const std::string &folder, bool unified) {
  double quota = 0;
  double period = 0;
  if (unified) {
    std::ifstream file(folder + "/cpu.max");
    file >> quota >> period;
    if (!file)
      return std::nullopt;
  } else {
    std::ifstream quotaFile(folder + "/cpu.cfs_quota_us");
    std::ifstream periodFile(folder + "/cpu.cfs_period_us");
    if (!(quotaFile >> quota) || !(periodFile >> period))
      return std::nullopt;
  }
  if (!(quota > 0 && period > 0))
    return std::nullopt;
  return quota / period;
}

void takeLess(std::optional<double> &least, std::optional<double> other) {
  if (other && (!least || *other < *least))
    least = other;
}

/// Of a group and all above it, as far as `mountPoint` shows them.
std::optional<double> quotaOf(const std::string &mountPoint, std::string path,
                              bool unified) {
  std::optional<double> least;
  while (true) {
    takeLess(least, quotaIn(mountPoint + path, unified));
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos)
      return least;
    path.resize(slash);
  }
}

} // namespace

std::optional<double> cpuQuota(const std::string &root) {
  const std::vector<Group> groups = groupsOf(root);
  std::optional<double> least;
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // … … … FOLDER MOUNTPOINT OPTIONS [TAGS…] - TYPE SOURCE OPTIONS
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos)
      continue;
    const std::vector<std::string> fields = split(line.substr(0, dash), ' ');
    const std::vector<std::string> system = split(line.substr(dash + 3), ' ');
    if (fields.size() < 6 || system.size() < 3)
      continue;
    const bool unified = system[0] == "cgroup2";
    if (!unified && !(system[0] == "cgroup" && lists(system[2], "cpu")))
      continue;
    for (const Group &group : groups)
      if (group.unified == unified)
        takeLess(least,
                 quotaOf(root + unescaped(fields[4]),
                         below(unescaped(fields[3]), group.path), unified));
  }
  return least;
}

} // namespace qzc
