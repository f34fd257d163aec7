//===- Report.cpp - What each weight costs --------------------------------===//

#include "qzc/Dialect/Qz/Transforms/Report.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

#include <algorithm>
#include <array>
#include <cstdio>

using namespace mlir;

namespace qzc::qz {

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// "name" or "name[lo:hi,…]".
static std::string nameWithRows(ParamOp param) {
  std::string name = param.getName().str();
  std::string rows;
  for (auto [low, high] : param.getRowRanges())
    rows += (rows.empty() ? "" : ",") + std::to_string(low) + ":" +
            std::to_string(high);
  return rows.empty() ? name : name + "[" + rows + "]";
}

/// Of the module's models; each distinct rotary embedding is one of theirs.
static uint64_t bufferBytes(ModuleOp module) {
  uint64_t bytes = 0;
  module.walk([&](ModelOp model) {
    llvm::SetVector<RopeAttr> ropes;
    model.walk([&](RopeOp op) { ropes.insert(op.getRope()); });
    model.walk([&](AttentionOp op) {
      if (auto rope = op.getRope())
        ropes.insert(*rope);
    });
    std::vector<int64_t> dims;
    for (RopeAttr rope : ropes)
      dims.push_back(rope.getDim());
    bytes += format::bufferBytes(model.getFamily(), model.getLayers(),
                                 model.getContext(), dims);
  });
  return bytes;
}

Report makeReport(ModuleOp module) {
  Report report;
  llvm::DenseSet<Attribute> counted;
  module.walk([&](ParamOp param) {
    ReportRow row;
    row.name = nameWithRows(param);
    row.role = weightRole(param.getResult());
    row.block = weightBlock(param);
    row.shape = param.getPackedShape();
    row.vector = isVector(param.getResult().getType());
    format::PackedShape before = param.getSourceShape();
    before.rows = row.shape.rows;
    before.cols = row.shape.cols;
    if (counted.insert(param.getSourceKey()).second) {
      row.bytesBefore = format::storedBytes(before);
      report.before.add(before);
    }
    row.bytesAfter = format::storedBytes(row.shape);
    report.after.add(row.shape);
    report.rows.push_back(std::move(row));
  });
  report.before.hfBuffers = report.after.hfBuffers = bufferBytes(module);
  return report;
}

static std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string formatReport(const Report &report) {
  using Line = std::array<std::string, 5>;
  std::vector<Line> lines = {
      {"layer", "shape", "stored as", "MB before", "MB after"}};
  size_t vectors = 0;
  uint64_t vectorsBefore = 0;
  uint64_t vectorsAfter = 0;
  for (const ReportRow &row : report.rows) {
    if (row.vector) {
      ++vectors;
      vectorsBefore += row.bytesBefore;
      vectorsAfter += row.bytesAfter;
      continue;
    }
    lines.push_back(
        {row.name,
         std::to_string(row.shape.rows) + "x" + std::to_string(row.shape.cols),
         format::describeStorage(row.shape), megabytes(row.bytesBefore),
         megabytes(row.bytesAfter)});
  }
  if (vectors != 0)
    lines.push_back({std::to_string(vectors) + " norms and biases", "", "",
                     megabytes(vectorsBefore), megabytes(vectorsAfter)});
  auto total = [&](const char *convention, uint64_t before, uint64_t after) {
    lines.push_back({std::string("total, ") + convention, "", "",
                     megabytes(before), megabytes(after)});
  };
  total("packed", report.before.packed, report.after.packed);
  total("hf-footprint", report.before.hfFootprint, report.after.hfFootprint);
  total("hf-footprint+buffers", report.before.hfFootprintWithBuffers(),
        report.after.hfFootprintWithBuffers());

  std::array<size_t, 5> widths = {};
  for (const Line &line : lines)
    for (size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], line[i].size());
  std::string text;
  for (const Line &line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      std::string pad(widths[i] - line[i].size(), ' ');
      bool number = i >= 3;
      text += (i != 0 ? "  " : "") + (number ? pad + line[i] : line[i] + pad);
    }
    text += "\n";
  }
  return text;
}

} // namespace qzc::qz
