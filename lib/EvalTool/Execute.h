//===- Execute.h - One mode of an executable, and its JSON ------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_EXECUTE_H
#define QZC_LIB_EVALTOOL_EXECUTE_H

#include "Process.h"

#include <nlohmann/json.hpp>

namespace qzc::evaltool {

/// Keys stay in the order in which they were written.
using Json = nlohmann::ordered_json;

/// Throws qzc::Error that says how a program failed, in its own last words.
void requireSuccess(const Outcome &outcome, const std::string &program);

/// The JSON that a program printed. Throws qzc::Error that says how it failed,
/// in its own last words.
Json readOutcome(const Outcome &outcome, const std::string &program);

/// Runs a program to its end; as runProcess and readOutcome.
Json execute(const std::string &program,
             const std::vector<std::string> &arguments,
             const std::function<void()> &waiting);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_EXECUTE_H
