//===- Interface.h - What a kernel's interface is made of -------*- C++ -*-===//
//
// A kernel's interface is a struct with
//   Config  what is known of a launch when a model is compiled: integers,
//           flags, enumerators, and structs and arrays of these. The argument
//           of the kernel's template
//   Args    the parameters of its __global__ functions in their order, each a
//           field Of<T>: to the kernel a T, to the lowering a description of
//           one (Arg<T> of ProgramBuilder.h)
// Plain C++ without includes, for the host, NVRTC and the emulator.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_KERNELS_INTERFACE_H
#define QZC_KERNELS_INTERFACE_H

namespace qzc::kernels {

/// Of<T> of a running kernel.
template <class T> using Value = T;

// Static members become symbols of device code: there are none of these there.
#ifdef __CUDACC__
#define QZC_KERNEL(Interface, Function, Header)
#define QZC_CACHE_KERNEL(Interface, Function, Header)
#define QZC_FIELDS(...)
#else
/// In a kernel's interface: its own name, that of the function template, and
/// the header that has it.
#define QZC_KERNEL(Interface, Function, Header)                                \
  static constexpr char kInterface[] = #Interface;                             \
  static constexpr char kFunction[] = #Function;                               \
  static constexpr char kHeader[] = Header;                                    \
  static constexpr bool kPerCacheType = false;
/// The same of a kernel with an instance for each type of the cache's elements,
/// which is the template's first argument.
#define QZC_CACHE_KERNEL(Interface, Function, Header)                          \
  static constexpr char kInterface[] = #Interface;                             \
  static constexpr char kFunction[] = #Function;                               \
  static constexpr char kHeader[] = Header;                                    \
  static constexpr bool kPerCacheType = true;

/// In a Config, an Args or a struct of theirs: all of its fields, in their
/// order. The host checks that none is missing.
#define QZC_FIELDS(...)                                                        \
  static constexpr char kFields[] = #__VA_ARGS__;                              \
  template <class Visitor>                                                     \
  constexpr auto visit(const Visitor &visitor) const {                         \
    return visitor(__VA_ARGS__);                                               \
  }
#endif

/// An enumeration whose names the host prints.
#define QZC_ENUM(Name, ...)                                                    \
  enum class Name { __VA_ARGS__ };                                             \
  constexpr const char *typeName(Name) { return #Name; }                       \
  constexpr const char *enumerators(Name) { return #__VA_ARGS__; }

} // namespace qzc::kernels

#endif // QZC_KERNELS_INTERFACE_H
