//===- SelectionTest.cpp - The meaning of blocks and components -----------===//

#include "qzc/Dialect/Qz/Transforms/Selection.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

namespace qzc::qz {
namespace {

/// A parsed selection, or none after an error.
std::optional<Selection> parse(llvm::StringRef blocks,
                               llvm::StringRef components, int64_t layers) {
  mlir::MLIRContext context;
  int errors = 0;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &) { ++errors; });
  mlir::FailureOr<Selection> selection =
      Selection::parse(blocks, components, layers, [&] {
        return mlir::emitError(mlir::UnknownLoc::get(&context));
      });
  EXPECT_EQ(errors, mlir::failed(selection) ? 1 : 0);
  if (mlir::failed(selection))
    return std::nullopt;
  return *selection;
}

/// The selected blocks of a q layer, as digits.
std::string blocksOf(const Selection &selection, int64_t layers) {
  std::string text;
  for (int64_t block = 0; block < layers; ++block)
    if (selection.selects(LinearRole::Q, block))
      text += std::to_string(block);
  return text;
}

std::string rolesOf(llvm::StringRef components) {
  Selection selection = parse("", components, 1).value();
  std::string text;
  for (uint32_t i = 0; i <= getMaxEnumValForLinearRole(); ++i) {
    auto role = static_cast<LinearRole>(i);
    auto block = isBlockRole(role) ? std::optional<int64_t>(0) : std::nullopt;
    if (selection.selects(role, block))
      text += stringifyLinearRole(role).str() + " ";
  }
  return text + (selection.selectsEmbed() ? "embed" : "");
}

TEST(Selection, ReadsRangesAsPythonDoes) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "012345"},     {":", "012345"}, {"0:2", "01"},  {"2:", "2345"},
      {":-4", "01"},      {"-2:", "45"},   {"-6:1", "0"},  {"1:2,4:5", "14"},
      {"4:6,0:1", "045"}, {"5:6", "5"},    {"-3:-1", "34"}};
  for (auto [text, expected] : cases)
    EXPECT_EQ(blocksOf(parse(text, "", 6).value(), 6), expected) << text;
}

TEST(Selection, RefusesRangesThatAreNone) {
  for (const char *text :
       {"0:7", "7:", "-7:", ":-7", "0", "0:1:2", "a:b", "0:1,", ",", " 0:1",
        "0x0:1", "0:9223372036854775808", "-9223372036854775808:", "1:1", "3:2",
        "-1:-2", "0:3,2:4", "0:2,-6:"})
    EXPECT_FALSE(parse(text, "", 6)) << text;
}

TEST(Selection, ReadsComponents) {
  EXPECT_EQ(rolesOf(""), "q k v o up gate down proj ");
  EXPECT_EQ(rolesOf("attn"), "q k v o ");
  EXPECT_EQ(rolesOf("ffn"), "up gate down ");
  EXPECT_EQ(rolesOf("qkv,down"), "q k v down ");
  EXPECT_EQ(rolesOf("head"), "head ");
  EXPECT_EQ(rolesOf("embed,proj"), "proj embed");
  EXPECT_EQ(rolesOf("all"), "q k v o up gate down proj head embed");
  for (const char *text : {"Q", "heads", "q,", ",q", "q, k", "q;k"})
    EXPECT_FALSE(parse("", text, 1)) << text;
}

TEST(Selection, BlocksLeaveOtherLayersAlone) {
  Selection selection = parse("1:2", "all", 3).value();
  EXPECT_TRUE(selection.selects(LinearRole::Head, std::nullopt));
  EXPECT_TRUE(selection.selects(LinearRole::Proj, std::nullopt));
  EXPECT_TRUE(selection.selectsEmbed());
  EXPECT_FALSE(selection.selects(LinearRole::Down, 0));
  EXPECT_TRUE(selection.selects(LinearRole::Down, 1));
  EXPECT_FALSE(selection.selects(LinearRole::Down, 3));
  EXPECT_FALSE(selection.selects(LinearRole::Down, std::nullopt));
}

} // namespace
} // namespace qzc::qz
