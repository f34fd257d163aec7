//===- Gguf.h - From a qz module to a GGUF file -----------------*- C++ -*-===//
//
// What llama.cpp runs instead of an executable, from the same module: a plan of
// metadata and tensors, read off the quantized but not yet fused module, and a
// file that streams the weights into it.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_TARGET_GGUF_GGUF_H
#define QZC_TARGET_GGUF_GGUF_H

#include "qzc/Encode/CodeStore.h"
#include "qzc/Encode/Statistics.h"
#include "qzc/Encode/WeightSources.h"
#include "qzc/Format/Manifest.h"
#include "qzc/Support/AtomicFile.h"
#include "qzc/Support/ThreadPool.h"
#include "qzc/Target/Gguf/Container.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace qzc::gguf {

/// How an executable stores a part whose codes a method chooses.
struct Chosen {
  format::PackedShape shape;
  format::Method method = format::Method::Mse;
  const format::BlockFormat *blocks = nullptr; ///< of the part's type
};

/// Consecutive rows of a tensor that come from one source.
struct Part {
  /// `rows` lists the source's rows in the order in which they are stored.
  format::TensorSource source;
  encode::WeightRef ref; ///< into Plan::files
  int64_t elements = 0;
  /// What the values are rounded to. Where the tensor is of another type, it
  /// is F32 and holds the rounded values.
  TensorType as = TensorType::F32;
  /// The source is quantized already, in the blocks that `as` has.
  bool asStored = false;
  /// The blocks that `as` has are those of a method.
  std::optional<Chosen> chosen;
  /// Added to the rounded values; of F32 tensors alone.
  float addend = 0;
};

/// A tensor of the file: parts one below the other, or `values`.
struct Tensor {
  TensorInfo info;
  std::vector<Part> parts;
  std::vector<float> values; ///< F32, without parts
};

/// What became of the weights that the executable stores in one way.
struct Mapping {
  std::string stored; ///< by the executable: "nf4/64", "bf16"
  TensorType type = TensorType::F32;
  int64_t tensors = 0;
  uint64_t bytes = 0; ///< in the file
  /// Whether all values are those of the executable. Otherwise some are made
  /// of the source's.
  bool same = true;
};

struct Plan {
  format::ModelInfo model;
  std::string architecture; ///< general.architecture
  Metadata metadata;
  std::vector<Tensor> tensors;
  std::vector<Mapping> mapping; ///< in the order of first appearance
  /// Files that hold weights, with paths as in the module.
  std::vector<encode::SourceFile> files;
  std::optional<encode::SourceFile> tokenizer; ///< likewise
  /// For a person who is about to use the file: what llama.cpp does not run,
  /// what is another model than the executable, what is lost.
  std::vector<std::string> warnings;
};

/// Who wrote a file and how the weights were chosen: metadata of the same name.
struct Origin {
  std::string producer;
  std::string selection;
};

/// Plans the GGUF of the module's only qz.model, which must not be fused yet,
/// as its #qz.gguf says; with `denser` in the smaller one of two types that
/// ggml has for the same values (TQ1_0 for ternary) where it holds no blocks
/// already; the tokenizer's metadata is added by addTokenizer. Throws
/// qzc::Error: a model that has no such attribute, a tensor that has no place
/// or no file.
Plan plan(mlir::ModuleOp module, const Origin &origin, bool denser = false);

/// Adds the tokens of a tokenizer.json that tokenizer::Tokenizer accepts, as
/// the plan's tokenizer.ggml.model has them. Throws qzc::Error where there is
/// no such key, the model has no embedding for a token, or a GGUF cannot hold
/// one.
void addTokenizer(const std::string &json, Plan &plan);

/// A line for the file and one for each mapping; sizes in MB (10^6 bytes).
std::string describe(const Plan &plan, const std::string &path);

/// A GGUF file under construction: complete after construction, but without
/// its name until publish(). Streams the weights; the bytes do not depend on
/// the number of threads. `statistics` are those of an executable that is
/// written beside it, or null; what they chose is taken from `codes`, or left
/// there. Throws qzc::Error as encode::encodeWeights does,
/// and where a weight does not fit its type.
class File {
public:
  File(const std::string &path, const Plan &plan,
       const encode::WeightSources &sources, ThreadPool &pool,
       const encode::Statistics *statistics, encode::CodeStore &codes);

  /// Flushes and checks the file. Only publish() may follow.
  void finish() { Out.finish(); }
  /// Gives the finished file its name.
  void publish() { Out.publish(); }

private:
  AtomicFile Out;
};

} // namespace qzc::gguf

#endif // QZC_TARGET_GGUF_GGUF_H
