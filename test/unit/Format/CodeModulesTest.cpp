//===- CodeModulesTest.cpp - Kernels in and out of a section --------------===//

#include "qzc/Format/CodeModules.h"
#include "qzc/Support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <zstd.h>

using namespace qzc;
using format::CodeModule;
using testing::HasSubstr;

namespace {

std::string compressed(const std::string &content) {
  std::string section(ZSTD_compressBound(content.size()), '\0');
  section.resize(ZSTD_compress(section.data(), section.size(), content.data(),
                               content.size(), 1));
  return section;
}

std::string decompressed(const std::string &section) {
  std::string content(ZSTD_getFrameContentSize(section.data(), section.size()),
                      '\0');
  ZSTD_decompress(content.data(), content.size(), section.data(),
                  section.size());
  return content;
}

std::string errorOf(const std::string &section) {
  try {
    format::CodeModules(section, "the code");
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

TEST(CodeModulesTest, ComeOutAsTheyWentIn) {
  for (size_t count : {0, 1, 7}) {
    std::vector<std::string> names;
    std::vector<std::string> codes;
    for (size_t i = 0; i != count; ++i) {
      names.push_back("kernel_" + std::string(i, 'x') + std::to_string(i));
      codes.push_back(std::string(1 + 1000 * i, static_cast<char>(i)));
    }
    std::vector<CodeModule> modules;
    for (size_t i = 0; i != count; ++i)
      modules.push_back({names[i], codes[i]});
    const std::string section = format::packModules(modules);
    EXPECT_EQ(section, format::packModules(modules));
    const format::CodeModules unpacked(section, "the code");
    ASSERT_EQ(unpacked.modules().size(), count);
    for (size_t i = 0; i != count; ++i) {
      EXPECT_EQ(unpacked.modules()[i].kernel, names[i]);
      EXPECT_EQ(unpacked.modules()[i].code, codes[i]);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(unpacked.modules()[i].code.data()) %
                    format::kModuleAlign,
                0U);
    }
  }
}

TEST(CodeModulesTest, SharedBytesCostLittle) {
  std::string code;
  for (int i = 0; i != 20000; ++i)
    code += static_cast<char>(i * i % 251);
  std::vector<std::string> names;
  std::vector<CodeModule> modules;
  for (int i = 0; i != 20; ++i)
    names.push_back("kernel" + std::to_string(i));
  for (const std::string &name : names)
    modules.push_back({name, code});
  EXPECT_LT(format::packModules(modules).size(),
            2 * format::packModules({modules[0]}).size());
}

TEST(CodeModulesTest, DamagedSectionsAreRefused) {
  const std::string section =
      format::packModules({{"one", "first code"}, {"two", "second code"}});
  EXPECT_THAT(errorOf(""), HasSubstr("the code has no kernels as they are "
                                     "packed (no sound size)"));
  EXPECT_THAT(errorOf("\177ELF as it is"), HasSubstr("no sound size"));
  for (size_t bytes = 10; bytes != section.size(); ++bytes)
    EXPECT_NE(errorOf(section.substr(0, bytes)), "no error") << bytes;
  EXPECT_NE(errorOf(section + "x"), "no error");

  // The frame says 2^40 bytes.
  std::string huge = {'\x28', '\xb5', '\x2f', '\xfd', '\xe0'};
  huge += std::string("\0\0\0\0\0\1\0\0", 8) + std::string(8, '\0');
  EXPECT_THAT(errorOf(huge), HasSubstr("no sound size"));
}

TEST(CodeModulesTest, PiecesLieWithinTheContent) {
  const std::string good = decompressed(
      format::packModules({{"one", "first code"}, {"two", "second code"}}));
  EXPECT_EQ(errorOf(compressed(good)), "no error");
  for (size_t bytes = 1; bytes != good.size(); ++bytes) {
    if (bytes == good.size() / 2) // the first alone
      continue;
    EXPECT_THAT(errorOf(compressed(good.substr(0, bytes))), HasSubstr("(cut)"))
        << bytes;
  }

  const auto bent = [&](size_t at, uint32_t value) {
    std::string content = good;
    std::memcpy(content.data() + at, &value, sizeof(value));
    return errorOf(compressed(content));
  };
  EXPECT_THAT(bent(0, 0xffffffff), HasSubstr("(cut)"));
  EXPECT_THAT(bent(4, 0xffffffff), HasSubstr("(cut)"));
  EXPECT_THAT(bent(0, 0), HasSubstr("(not zero between pieces)"));
  EXPECT_THAT(bent(4, 1), HasSubstr("(not zero between pieces)"));
  EXPECT_THAT(errorOf(compressed(good + good)), HasSubstr("(a kernel twice)"));
  EXPECT_THAT(errorOf(compressed(std::string(16, '\0'))),
              HasSubstr("(an empty piece)"));
}

} // namespace
