//===- Packings.h - What every packing implements ---------------*- C++ -*-===//
//
// A packing is a row of Packings.def and one source file here that defines its
// PackingTraits: how tensors of a checkpoint become the parts of a storage of
// ours that has the same values.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_ENCODE_PACKINGS_PACKINGS_H
#define QZC_LIB_ENCODE_PACKINGS_PACKINGS_H

#include "qzc/Format/Packing.h"

#include <cstddef>
#include <cstring>
#include <initializer_list>

namespace qzc::encode {

/// "[3, 17]".
std::string describe(const std::vector<int64_t> &shape);

/// The tensors of one weight, where they are in memory.
class PackedTensors {
public:
  /// `weight` is the name that errors have.
  PackedTensors(const format::PackedSource &source, std::string weight)
      : Source(source), Weight(std::move(weight)) {}
  void add(const format::PackedTensor &tensor, const std::byte *data) {
    Entries.push_back({&tensor, data});
  }

  const format::PackedSource &source() const { return Source; }
  const format::PackedShape &shape() const { return Source.shape; }
  bool has(std::string_view role) const { return find(role) != nullptr; }
  /// Null where there is none.
  const format::PackedTensor *tensor(std::string_view role) const {
    const Entry *entry = find(role);
    return entry ? entry->tensor : nullptr;
  }
  /// The bytes of a tensor that is there; they need not be aligned.
  const std::byte *data(std::string_view role) const {
    return find(role)->data;
  }
  /// Element `index` of it.
  template <typename T> T at(std::string_view role, int64_t index) const {
    return load<T>(data(role), index);
  }
  template <typename T> static T load(const std::byte *data, int64_t index) {
    T value;
    std::memcpy(&value, data + index * static_cast<int64_t>(sizeof value),
                sizeof value);
    return value;
  }

  /// The rows and columns of a tensor. Fails unless it is there, and a matrix.
  const std::vector<int64_t> &matrix(std::string_view role) const;

  /// Element `index` of a tensor of floats.
  float number(std::string_view role, int64_t index) const;

  /// Throws qzc::Error, in the weight's name.
  [[noreturn]] void fail(const std::string &what) const;
  /// Fails unless there is a tensor of that role, type and shape.
  void require(std::string_view role, std::string_view dtype,
               const std::vector<int64_t> &shape) const;
  /// The same of floats: F32, F16, BF16 or (powers of two) F8_E8M0.
  void requireNumbers(std::string_view role,
                      const std::vector<int64_t> &shape) const;
  /// Fails unless the storage is of one of these schemes.
  void requireScheme(std::initializer_list<format::Scheme> schemes) const;

private:
  struct Entry {
    const format::PackedTensor *tensor;
    const std::byte *data;
  };
  const Entry *find(std::string_view role) const;

  const format::PackedSource &Source;
  std::string Weight;
  std::vector<Entry> Entries;
};

struct PackingTraits {
  /// Throws qzc::Error where the tensors are not what `read` relies on, or the
  /// storage cannot hold their values.
  void (*check)(const PackedTensors &tensors);
  /// Makes the parts of elements [begin, end) of the flattened weight, cut by
  /// its pieceUnit.
  void (*read)(const PackedTensors &tensors, int64_t begin, int64_t end,
               std::byte *const *parts);
};

#define QZC_PACKING(Enumerator, ...)                                           \
  extern const PackingTraits k##Enumerator##Packing;
#include "qzc/Format/Packings.def"

const PackingTraits &packingTraits(format::Packing packing);

} // namespace qzc::encode

#endif // QZC_LIB_ENCODE_PACKINGS_PACKINGS_H
