//===- NpyTest.cpp - The header NumPy expects -----------------------------===//

#include "qzc/Support/Npy.h"

#include "TempFolder.h"

#include <cstring>
#include <gtest/gtest.h>

using namespace qzc;
using namespace qzc::test;

TEST(Npy, WritesFormatOneWithAlignedData) {
  TempFolder folder;
  const float values[6] = {0, 1, 2, 3, 4, 5};
  writeNpy(folder.file("x.npy"), {2, 3}, values);
  std::string bytes = readAll(folder.file("x.npy"));
  ASSERT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  size_t header = static_cast<unsigned char>(bytes[8]) +
                  256 * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + header) % 64, 0U);
  EXPECT_NE(bytes.find("'shape': (2, 3, )"), std::string::npos);
  EXPECT_EQ(bytes[10 + header - 1], '\n');
  ASSERT_EQ(bytes.size(), 10 + header + sizeof(values));
  EXPECT_EQ(std::memcmp(bytes.data() + 10 + header, values, sizeof(values)), 0);
}
