//===- HashTest.cpp - Published vectors, and pieces equal the whole -------===//

#include "qzc/Support/Hash.h"

#include <gtest/gtest.h>
#include <random>
#include <string>

using namespace qzc;

TEST(Hash, Sha256OfFips180Vectors) {
  EXPECT_EQ(toHex(sha256("abc", 3)), "ba7816bf8f01cfea414140de5dae2223"
                                     "b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(toHex(sha256("", 0)), "e3b0c44298fc1c149afbf4c8996fb924"
                                  "27ae41e4649b934ca495991b7852b855");
}

TEST(Hash, Xxh3OfTheEmptyString) {
  EXPECT_EQ(xxh3("", 0), 0x2D06800538D394C2ULL);
}

TEST(Hash, PiecesEqualTheWhole) {
  std::mt19937 random(1);
  std::string text(100'000, '\0');
  for (char &byte : text)
    byte = static_cast<char>(random());
  Sha256 sha;
  Xxh3 xxh;
  for (size_t begin = 0; begin < text.size();) {
    size_t bytes = std::min<size_t>(random() % 5000, text.size() - begin);
    sha.update(text.data() + begin, bytes);
    xxh.update(text.data() + begin, bytes);
    begin += bytes;
  }
  EXPECT_EQ(sha.finish(), sha256(text.data(), text.size()));
  EXPECT_EQ(xxh.finish(), xxh3(text.data(), text.size()));
}
