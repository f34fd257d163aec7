//===- KernelConfig.h - The Config of a kernel's launch ---------*- C++ -*-===//
//
// The argument of a kernel's template (see Kernels/Interface.h): fields of it
// from the plan, and all of it as C++ text, with the names of fields and
// enumerators.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_LIB_TARGET_CUDA_KERNELCONFIG_H
#define QZC_LIB_TARGET_CUDA_KERNELCONFIG_H

#include "Kernels/Common.h"

#include "qzc/Format/LaunchParams.h"
#include "qzc/Format/RowView.h"
#include "qzc/Format/Scheme.h"

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace qzc::cuda {

/// A size as kernels take it. Throws qzc::Error where an int cannot hold it.
int toInt(int64_t value);
kernels::Storage storageOf(const format::PackedShape &shape);
/// Of a weight row by row.
kernels::WeightConfig weightConfig(const format::PackedShape &shape);
kernels::Activation activationOf(format::Activation activation);
kernels::RunsConfig runsOf(const format::RowView &view);

/// Number `index` of names that commas separate.
inline std::string nameAt(std::string_view names, size_t index) {
  for (; index > 0; --index)
    names.remove_prefix(names.find(',') + 2);
  return std::string(names.substr(0, names.find(',')));
}

namespace detail {
/// What an aggregate's field takes, whatever its type.
struct AnyField {
  template <class T> operator T() const;
};
template <class T, class Indices, class = void>
struct Takes : std::false_type {};
template <class T, size_t... I>
struct Takes<T, std::index_sequence<I...>,
             std::void_t<decltype(T{(static_cast<void>(I), AnyField())...})>>
    : std::true_type {};
/// Fields of an aggregate, elements of arrays one by one.
template <class T, size_t N = 0> constexpr size_t countFields() {
  if constexpr (Takes<T, std::make_index_sequence<N + 1>>::value)
    return countFields<T, N + 1>();
  else
    return N;
}
template <class T>
constexpr size_t kElements = std::is_array_v<T> ? std::extent_v<T> : 1;

template <class T> std::string textOf(const T &value);
/// What is 0 or false is left out, and a struct of which that is all.
template <class T>
std::string fieldText(const char *names, size_t index, const T &value) {
  const std::string text = textOf(value);
  if (text == "0" || text == "false" || text == "{}")
    return "";
  return "." + nameAt(names, index) + " = " + text;
}
inline std::string inBraces(const std::vector<std::string> &texts) {
  std::string all;
  for (const std::string &text : texts)
    if (!text.empty())
      all += (all.empty() ? "" : ", ") + text;
  return "{" + all + "}";
}
template <class T> std::string textOf(const T &value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(typeName(value)) +
           "::" + nameAt(enumerators(value), static_cast<size_t>(value));
  } else if constexpr (std::is_array_v<T>) {
    std::vector<std::string> elements;
    for (const auto &element : value)
      elements.push_back(textOf(element));
    return inBraces(elements);
  } else {
    return value.visit([](const auto &...each) {
      static_assert(
          countFields<T>() ==
              (0 + ... + kElements<std::remove_reference_t<decltype(each)>>),
          "QZC_FIELDS are not the fields of a Config");
      size_t index = 0;
      return inBraces({fieldText(T::kFields, index++, each)...});
    });
  }
}
} // namespace detail

/// "NormRows::Config{.columns = 576, …}", what is 0 or false left out.
template <class Kernel>
std::string configText(const typename Kernel::Config &config) {
  return std::string(Kernel::kInterface) + "::Config" + detail::textOf(config);
}

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_KERNELCONFIG_H
