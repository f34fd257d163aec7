//===- Image.cpp - A mapped, checked executable image ---------------------===//

#include "qzc/Runtime/Image.h"

#include "Checks.h"
#include "SectionTable.h"
#include "SyntheticWeights.h"
#include "qzc/Support/Error.h"
#include "qzc/Support/MappedFile.h"

#include <cstdlib>
#include <optional>

namespace qzc::runtime {

using format::SectionEntry;
using format::SectionKind;
using format::WeightsMode;

Image::~Image() = default;

/// The path without links (/proc/self/exe becomes the executable's own): what
/// messages name, and where a weights file is looked for.
static std::string resolve(const std::string &path) {
  char *resolved = ::realpath(path.c_str(), nullptr);
  if (!resolved)
    return path;
  std::string result = resolved;
  std::free(resolved);
  return result;
}

static std::string besideOf(const std::string &path, const std::string &name) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? name : path.substr(0, slash + 1) + name;
}

namespace {
class MappedImage : public Image {
public:
  MappedImage(const std::string &path, bool fullCheck, int threads);

  void checkWeights() const override;

  const format::Manifest &manifest() const override { return Manifest; }
  std::string_view tokenizerJson() const override { return Tokenizer; }
  const std::vector<DeviceCode> &deviceCode() const override { return Code; }
  uint64_t fileBytes() const override { return File.size(); }
  std::vector<InputFile> files() const override;
  format::PackedView tensor(int64_t index) const override;
  // Pages that no file stands behind would come back as zeros.
  bool canRelease() const override { return !Generated; }
  void release(int64_t index) const override;
  const std::byte *weights() const override { return Weights; }

private:
  std::string_view text(const SectionEntry &entry) const {
    return {reinterpret_cast<const char *>(File.data() + entry.offset),
            entry.bytes};
  }
  void readSection(const SectionEntry &entry);
  void openWeights(const SectionEntry *entry, bool fullCheck, int threads);

  MappedFile File;
  MappedFile WeightsFile;
  std::optional<SyntheticWeights> Generated;
  format::Manifest Manifest;
  std::string_view Tokenizer;
  std::vector<DeviceCode> Code;
  const std::byte *Weights = nullptr;
  /// Ends before the files; waiting for it changes nothing that can be seen.
  mutable std::optional<BackgroundCheck> WeightsCheck;
};
} // namespace

MappedImage::MappedImage(const std::string &path, bool fullCheck, int threads)
    : File(resolve(path)) {
  std::vector<SectionEntry> entries = readSectionTable(File, fullCheck);
  std::vector<CheckedRange> ranges;
  const SectionEntry *weights = nullptr;
  for (const SectionEntry &entry : entries) {
    const bool isWeights =
        static_cast<SectionKind>(entry.kind) == SectionKind::Weights;
    if (isWeights)
      weights = &entry;
    if ((entry.flags & format::kExternal) != 0)
      continue;
    const CheckedRange range = {File.path(), entry, File.data() + entry.offset};
    // --verify takes long, and shows how far it is with all of them.
    if (isWeights && !fullCheck)
      WeightsCheck.emplace(std::vector<CheckedRange>{range});
    else
      ranges.push_back(range);
  }
  checkHashes(ranges, fullCheck);
  for (const SectionEntry &entry : entries)
    readSection(entry);
  openWeights(weights, fullCheck, threads);
}

void MappedImage::checkWeights() const {
  if (WeightsCheck)
    WeightsCheck->wait();
}

void MappedImage::readSection(const SectionEntry &entry) {
  switch (static_cast<SectionKind>(entry.kind)) {
  case SectionKind::Manifest:
    try {
      Manifest = format::parseManifest(text(entry));
    } catch (const Error &error) {
      throw Error("'" + File.path() + "': " + error.what());
    }
    return;
  case SectionKind::Tokenizer:
    Tokenizer = text(entry);
    return;
  case SectionKind::Cubin:
    Code.push_back({entry.arch, entry.archSuffix != 0, false, text(entry)});
    return;
  case SectionKind::Ptx:
    Code.push_back({entry.arch, false, true, text(entry)});
    return;
  case SectionKind::Weights:
  case SectionKind::Runtime:
    return;
  }
}

void MappedImage::openWeights(const SectionEntry *entry, bool fullCheck,
                              int threads) {
  bool external = entry && (entry->flags & format::kExternal) != 0;
  WeightsMode mode = Manifest.weightsMode;
  if ((mode == WeightsMode::Synthetic) != (entry == nullptr) ||
      (mode == WeightsMode::External) != external)
    throw Error("'" + File.path() +
                "': manifest and sections disagree about where the weights "
                "are: compile the file again");
  if (mode == WeightsMode::Synthetic) {
    Generated.emplace(Manifest, threads);
    Weights = Generated->data();
    return;
  }
  if (entry->bytes != Manifest.weightsBytes)
    throw Error("'" + File.path() + "': section 'weights' has " +
                std::to_string(entry->bytes) + " bytes, the manifest says " +
                std::to_string(Manifest.weightsBytes) +
                ": compile the file again");
  if (!external) {
    Weights = File.data() + entry->offset;
    return;
  }
  const std::string &name = Manifest.weightsFile;
  if (name.empty() || name == "." || name == ".." ||
      name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    throw Error("'" + File.path() + "': '" + name +
                "' is no plain name of a weights file: compile the file again");
  try {
    WeightsFile = MappedFile(besideOf(File.path(), name));
  } catch (const Error &error) {
    throw Error(std::string(error.what()) + " (the weights of '" + File.path() +
                "': both files belong in one folder)");
  }
  if (WeightsFile.size() != entry->bytes)
    throw Error("'" + WeightsFile.path() + "' has " +
                std::to_string(WeightsFile.size()) + " bytes, '" + File.path() +
                "' was compiled with " + std::to_string(entry->bytes) +
                ": these two files do not belong together");
  const std::vector<CheckedRange> range = {
      {WeightsFile.path(), *entry, WeightsFile.data()}};
  if (fullCheck)
    checkHashes(range, fullCheck);
  else
    WeightsCheck.emplace(range);
  Weights = WeightsFile.data();
}

std::vector<InputFile> MappedImage::files() const {
  std::vector<InputFile> files = {{"the executable", File.path()}};
  if (!WeightsFile.path().empty())
    files.push_back({"its weights", WeightsFile.path()});
  return files;
}

format::PackedView MappedImage::tensor(int64_t index) const {
  const format::Tensor &tensor = Manifest.tensors.at(index);
  format::PackedView view;
  view.shape = tensor.shape;
  size_t part = 0;
  for (const format::PartLayout &layout : format::layout(tensor.shape))
    view.parts[part++] = Weights + tensor.offset + layout.offset;
  return view;
}

void MappedImage::release(int64_t index) const {
  if (!canRelease())
    return;
  const format::Tensor &tensor = Manifest.tensors.at(index);
  releasePages(Weights + tensor.offset, format::paddedBytes(tensor.shape));
}

std::unique_ptr<Image> Image::open(const std::string &path, bool fullCheck,
                                   int threads) {
  std::unique_ptr<Image> image = openAtOnce(path, fullCheck, threads);
  image->checkWeights();
  return image;
}

std::unique_ptr<Image> Image::openAtOnce(const std::string &path,
                                         bool fullCheck, int threads) {
  return std::make_unique<MappedImage>(path, fullCheck, threads);
}

} // namespace qzc::runtime
