//===- Folder.h - The folder that results go to -----------------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_FOLDER_H
#define QZC_LIB_EVALTOOL_FOLDER_H

#include "qzc/Support/File.h"

#include <string>
#include <vector>

namespace qzc::evaltool {

/// The value of -o. Empty: nothing is written.
class Folder {
public:
  explicit Folder(std::string path) : Path(std::move(path)) {}

  bool wanted() const { return !Path.empty(); }
  /// Notices before the work what would be a pity after it: makes the folder,
  /// and throws qzc::Error where that cannot be, or where one of the files
  /// `names` would replace one that is read.
  void prepare(const std::vector<std::string> &names,
               const std::vector<InputFile> &inputs) const;
  /// The file appears whole or not at all.
  void write(const std::string &name, const std::string &text) const;

private:
  std::string Path;
};

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_FOLDER_H
