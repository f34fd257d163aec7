//===- Ggml.cpp - Blocks of a GGUF ----------------------------------------===//
//
// codes: U8 [rows, bytes of a row's blocks], as Format/Ggml.h has them. Of two
// types of the same codes (ternary's) the bytes tell which it is.
//
//===----------------------------------------------------------------------===//

#include "Packings.h"

using namespace qzc;
using namespace qzc::encode;
using format::BlockFormat;

static void check(const PackedTensors &tensors) {
  const format::PackedShape &shape = tensors.shape();
  const BlockFormat *blocks = format::blockFormat(shape.scheme);
  if (!blocks)
    tensors.fail("cannot be stored as " + format::describeStorage(shape));
  if (const BlockFormat *stored = format::storedBlocks(tensors.source()))
    blocks = stored;
  tensors.require("codes", "U8",
                  {shape.rows, shape.cols / blocks->values * blocks->bytes});
}

static void read(const PackedTensors &tensors, int64_t begin, int64_t end,
                 std::byte *const *parts) {
  const BlockFormat &blocks = *format::storedBlocks(tensors.source());
  blocks.split(tensors.data("codes") + begin / blocks.values * blocks.bytes,
               end - begin, parts);
}

const PackingTraits encode::kGgmlPacking = {check, read};
