//===- Report.h - The table and the JSON of an evaluation -------*- C++ -*-===//

#ifndef QZC_LIB_EVALTOOL_REPORT_H
#define QZC_LIB_EVALTOOL_REPORT_H

#include "Results.h"

namespace qzc::evaltool {

/// A Markdown table, a row an executable, and below it the conditions. What was
/// not measured is a dash.
std::string formatTable(const std::vector<Measured> &images,
                        const Conditions &conditions);

/// The distinct devices that were timed, in the order of the rows.
std::vector<std::string> devicesOf(const std::vector<Measured> &images);

/// The conditions and everything that the executables said, but for the list
/// of their tensors. Nothing in it depends on time or place except what was
/// measured.
std::string formatJson(const std::vector<Measured> &images,
                       const Conditions &conditions);

/// Parts of such a JSON: a machine; a value NAME with its NAME_error; the text
/// of it all.
Json jsonOf(const Machine &machine);
void addEstimate(Json &json, const std::string &name,
                 const evaluate::Estimate &estimate);
std::string textOf(const Json &json);

} // namespace qzc::evaltool

#endif // QZC_LIB_EVALTOOL_REPORT_H
