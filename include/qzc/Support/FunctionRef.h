//===- FunctionRef.h - A reference to something callable --------*- C++ -*-===//

#ifndef QZC_SUPPORT_FUNCTIONREF_H
#define QZC_SUPPORT_FUNCTIONREF_H

#include <memory>
#include <type_traits>
#include <utility>

namespace qzc {

template <typename Signature> class FunctionRef;

/// Calls a function object that outlives it, such as the lambda in the call of
/// a function that takes this: two words, where std::function would copy it.
template <typename Result, typename... Args>
class FunctionRef<Result(Args...)> {
public:
  template <typename Function, typename = std::enable_if_t<!std::is_same_v<
                                   std::decay_t<Function>, FunctionRef>>>
  FunctionRef(Function &&function)
      : Object(const_cast<void *>(
            static_cast<const void *>(std::addressof(function)))),
        Call([](void *object, Args... args) -> Result {
          return (*static_cast<std::remove_reference_t<Function> *>(object))(
              std::forward<Args>(args)...);
        }) {}

  Result operator()(Args... args) const {
    return Call(Object, std::forward<Args>(args)...);
  }

private:
  void *Object;
  Result (*Call)(void *, Args...);
};

} // namespace qzc

#endif // QZC_SUPPORT_FUNCTIONREF_H
