//===- File.h - Files that are read, and what may not replace them -*- C++ -*-//

#ifndef QZC_SUPPORT_FILE_H
#define QZC_SUPPORT_FILE_H

#include <cstdint>
#include <string>
#include <vector>

namespace qzc {

/// A regular file, open for reading until this goes. Move-only.
class RegularFile {
public:
  /// Throws qzc::Error naming the path where it cannot be opened, or is no
  /// regular file: reading a pipe or a device could last for ever.
  explicit RegularFile(std::string path);
  RegularFile(RegularFile &&other) noexcept;
  RegularFile &operator=(RegularFile &&) = delete;
  ~RegularFile();

  const std::string &path() const { return Path; }
  int descriptor() const { return Fd; }
  /// Bytes when it was opened.
  uint64_t size() const { return Size; }

private:
  std::string Path;
  int Fd = -1;
  uint64_t Size = 0;
};

/// All bytes of a regular file, `most` or fewer. Errors as of RegularFile.
std::string readFile(const std::string &path, uint64_t most = UINT64_MAX);

/// Whether both paths name one file, through links or because they are the same
/// place, where nothing need be yet.
bool isSameFile(const std::string &a, const std::string &b);

/// A file that is read, and what messages call it ("the module").
struct InputFile {
  std::string what;
  std::string path;
};

/// Throws qzc::Error (a wrong call) where `output`, the value of `option`, is
/// one of the files that are read.
void checkIsNoInput(const std::string &option, const std::string &output,
                    const std::vector<InputFile> &inputs);

} // namespace qzc

#endif // QZC_SUPPORT_FILE_H
