//===- Processes.h - Jobs in child processes --------------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_CUDA_PROCESSES_H
#define QZC_LIB_TARGET_CUDA_PROCESSES_H

#include <functional>
#include <string>
#include <vector>

namespace qzc::cuda {

/// Runs every job in a forked child, at most `parallel` at a time, and returns
/// their results in order. A job may use libraries that serialise within one
/// process. Throws qzc::Error with the message of the first job (by index) that
/// threw, or that died.
std::vector<std::string>
runInProcesses(const std::vector<std::function<std::string()>> &jobs,
               int parallel);

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_PROCESSES_H
