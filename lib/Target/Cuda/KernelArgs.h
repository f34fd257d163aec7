//===- KernelArgs.h - The arguments of a kernel's launch --------*- C++ -*-===//
//
// What the lowering fills for the parameters of a kernel: its Args (see
// Kernels/Interface.h) of descriptions, which the runtime makes values of.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_CUDA_KERNELARGS_H
#define QZC_LIB_TARGET_CUDA_KERNELARGS_H

#include "Kernels/Head.h"

#include "qzc/Format/Manifest.h"

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace qzc::cuda {

/// "const float *"; specialized for what kernels take.
template <class T> std::string parameterType() {
  if constexpr (std::is_pointer_v<T>)
    return parameterType<std::remove_pointer_t<T>>() + " *";
  else if constexpr (std::is_const_v<T>)
    return "const " + parameterType<std::remove_const_t<T>>();
  else
    static_assert(!sizeof(T *), "a type that no kernel takes");
}
template <> std::string parameterType<void>();
template <> std::string parameterType<int>();
template <> std::string parameterType<float>();
template <> std::string parameterType<kernels::TokenKey>();
template <> std::string parameterType<kernels::Half>();
template <> std::string parameterType<CacheView>();
template <> std::string parameterType<DeviceState>();
template <> std::string parameterType<Draw>();
template <> std::string parameterType<QueryTile>();
template <> std::string parameterType<TokenRow>();

/// An argument and the type of its parameter.
struct TypedArg {
  format::CudaArg arg;
  std::string type;
  bool isUnused; ///< a pointer that the instance does not read
};

/// For a pointer that the instance does not read.
struct UnusedArg {};
inline constexpr UnusedArg kUnused;

/// The description of an argument of type T. One that nothing was assigned to
/// throws std::bad_optional_access when its launch is added.
template <class T> class Arg {
public:
  Arg() = default;
  explicit Arg(const format::CudaArg &arg) : Described(arg) {}
  Arg(UnusedArg) : IsUnused(true) {
    static_assert(std::is_pointer_v<T>);
    Described.emplace();
  }
  /// Pointers as in C++: to what is const, to void.
  template <class Other, class = std::enable_if_t<
                             std::is_pointer_v<T> && std::is_pointer_v<Other> &&
                             std::is_convertible_v<Other, T>>>
  Arg(const Arg<Other> &other)
      : Described(other.described()), IsUnused(other.isUnused()) {}

  const format::CudaArg &described() const { return Described.value(); }
  bool isUnused() const { return IsUnused; }
  TypedArg typed() const { return {described(), parameterType<T>(), IsUnused}; }

private:
  std::optional<format::CudaArg> Described;
  bool IsUnused = false;
};

template <class T>
Arg<T> argOf(format::CudaArg::Kind kind, int64_t a = 0, int64_t b = 0) {
  format::CudaArg arg;
  arg.kind = kind;
  arg.a = a;
  arg.b = b;
  return Arg<T>(arg);
}
Arg<int> intOf(int64_t value);
Arg<float> floatOf(float value);

namespace detail {
/// Of<T> that has the size of a number, whatever T is.
template <class T> struct Place { size_t number; };

template <template <class> class Of, class T> constexpr bool kIsOne = false;
template <template <class> class Of, class T>
constexpr bool kIsOne<Of, Of<T>> = true;

/// Calls use(one) for each Of<…> in a field, in their order.
template <template <class> class Of, class Field, class Use>
constexpr void forEachOne(const Field &field, const Use &use) {
  if constexpr (kIsOne<Of, Field>)
    use(field);
  else if constexpr (std::is_array_v<Field>)
    for (const auto &element : field)
      forEachOne<Of>(element, use);
  else
    field.visit([&](const auto &...each) { (forEachOne<Of>(each, use), ...); });
}

/// Whether QZC_FIELDS of Args are all of its fields, in their order.
template <class Places, size_t... I>
constexpr bool hasAllFields(std::index_sequence<I...>) {
  const Places places = {I...};
  size_t count = 0;
  bool isInOrder = true;
  forEachOne<Place>(places, [&](const auto &place) {
    isInOrder = isInOrder && place.number == count++;
  });
  return isInOrder && count == sizeof...(I);
}
} // namespace detail

/// The arguments in the order of the kernel's parameters.
template <class Kernel>
std::vector<TypedArg>
listArgs(const typename Kernel::template Args<Arg> &args) {
  using Places = typename Kernel::template Args<detail::Place>;
  static_assert(
      detail::hasAllFields<Places>(
          std::make_index_sequence<sizeof(Places) / sizeof(size_t)>()),
      "QZC_FIELDS are not the fields of Args");
  std::vector<TypedArg> list;
  detail::forEachOne<Arg>(
      args, [&](const auto &arg) { list.push_back(arg.typed()); });
  return list;
}

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_KERNELARGS_H
