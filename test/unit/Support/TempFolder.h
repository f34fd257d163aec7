//===- TempFolder.h - A folder that goes away with the test -----*- C++ -*-===//

#ifndef QZC_TEST_UNIT_SUPPORT_TEMPFOLDER_H
#define QZC_TEST_UNIT_SUPPORT_TEMPFOLDER_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace qzc::test {

class TempFolder {
public:
  TempFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "qzc-test-XXXXXX").string();
    Path = ::mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(Path); }
  TempFolder(const TempFolder &) = delete;
  TempFolder &operator=(const TempFolder &) = delete;

  std::string file(const std::string &name) const {
    return (Path / name).string();
  }
  const std::filesystem::path &path() const { return Path; }

private:
  std::filesystem::path Path;
};

inline std::string readAll(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

inline void writeAll(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

} // namespace qzc::test

#endif // QZC_TEST_UNIT_SUPPORT_TEMPFOLDER_H
