//===- Manifest.h - What an image says about itself -------------*- C++ -*-===//
//
// The manifest is the JSON section of an image: the model's facts, the tensor
// table, the op-level plan that every target executes, and the CUDA lowerings
// of that plan, one for each kind of GPU. The compiler fills these structs and
// writes them; the runtime reads and checks them. JSON is the stored form
// because people look at it
// (--info --json) and because unknown fields must not break older readers.
//
//===----------------------------------------------------------------------===//

#ifndef QZC_FORMAT_MANIFEST_H
#define QZC_FORMAT_MANIFEST_H

#include "qzc/Format/LaunchParams.h"
#include "qzc/Format/Scaling.h"
#include "qzc/Format/Scheme.h"
#include "qzc/Format/WeightSource.h"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace qzc::format {

//===----------------------------------------------------------------------===//
// Model and tensors
//===----------------------------------------------------------------------===//

struct ModelInfo {
  std::string name;
  std::string family; ///< "llama", …
  int64_t vocab = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t context = 0; ///< the most positions the model was made for
  std::optional<int64_t> bos;
  std::vector<int64_t> eos; ///< generation stops at any of these
  /// Whether the tokenizer's own rules put BOS in front of a prompt.
  bool addBos = false;
  std::string chatTemplate; ///< Jinja source, empty if none
  /// What chat templates call tokens by: "eos_token" → "</s>".
  std::map<std::string, std::string> specialTokens;
};

/// Which part of which Hugging Face tensor a stored tensor comes from.
struct TensorSource {
  std::string name;           ///< Hugging Face name
  std::vector<int64_t> shape; ///< of the whole source tensor
  DType dtype = DType::F32;   ///< of the source
  bool transposed = false;    ///< stored as [in, out] there (GPT-2's Conv1D)
  /// Half-open ranges of the (transposed) source's rows; empty: all of them.
  std::vector<std::pair<int64_t, int64_t>> rows = {};
  /// How the source is stored where it is quantized already, which `dtype` then
  /// says nothing of.
  std::optional<StorageSpec> packed = {};
  /// Where it is in Manifest::sources; nothing where no weights were encoded.
  /// What is packed has the spec above.
  std::optional<WeightRef> ref = {};

  /// The whole source as it is: a vector is one row.
  PackedShape held() const {
    PackedShape held;
    held.dtype = dtype;
    held.rows = shape.size() == 2 ? shape[0] : 1;
    held.cols = shape.back();
    if (packed) {
      held.scheme = packed->scheme;
      held.blockSize = packed->blockSize;
      held.scales = packed->scales;
    }
    return held;
  }
  /// All rows of the (transposed) source; of a vector, its elements.
  int64_t height() const { return shape[transposed ? 1 : 0]; }
  /// All columns of the (transposed) source; of a vector 1.
  int64_t width() const {
    return shape.size() == 1 ? 1 : shape[transposed ? 0 : 1];
  }
  /// `rows`, where all of them are one range.
  std::vector<std::pair<int64_t, int64_t>> heldRows() const {
    if (!rows.empty())
      return rows;
    return {{0, height()}};
  }
};

struct Tensor {
  PackedShape shape;
  uint64_t offset = 0; ///< from the start of the weights section
  /// All |values| divided by 2^f16Exponent fit f16: what a tensor-core path
  /// scales by. 0 for almost every tensor.
  int32_t f16Exponent = 0;
  Method method = Method::Rtn;
  /// What Manifest::statistics call the weight by whose statistics the codes
  /// were chosen; empty where they were chosen without.
  std::string calibrated;
  Scaling scaling;
  std::string
      role; ///< "q", "k", …, "head", "embed", "norm", "bias", "position"
  int64_t block = -1; ///< decoder block, or -1 outside
  TensorSource source;
};

//===----------------------------------------------------------------------===//
// The op-level plan
//===----------------------------------------------------------------------===//

/// A planned f32 activation buffer [tokens, columns]. `offset` is in bytes per
/// token: with room for T tokens the buffer starts at offset × T of the arena.
/// columns × 4 and offset are multiples of 64.
struct Buffer {
  int64_t columns = 0; ///< row stride, in elements
  uint64_t offset = 0;
};

/// Columns [column, column + columns) of a buffer.
struct View {
  int32_t buffer = -1;
  int64_t column = 0;
  int64_t columns = 0;
};

/// Rotary embedding of the first `dim` elements of each head.
struct Rope {
  int64_t dim = 0;
  bool interleaved = false; ///< pairs (2i, 2i+1) instead of (i, i + dim/2)
  std::vector<float> inverseFrequencies; ///< dim / 2, scaling applied
  float magnitude = 1;                   ///< factor of cosine and sine
  /// Runs with room for more positions than this turn otherwise; 0: none do.
  int64_t context = 0;
  /// How: by other frequencies, or by those of a theta that grows by this
  /// factor as Qz_RopeAttr says of `dynamic`.
  std::vector<float> longFrequencies;
  float growth = 0;
};

/// The frequencies of a run with room for `context` positions.
std::vector<float> frequenciesIn(const Rope &rope, int64_t context);

struct Launch {
  Opcode opcode = Opcode::Embed;
  std::vector<View> inputs;
  std::vector<View> outputs;
  std::vector<int32_t> weights; ///< indices into Manifest::tensors
  LaunchParams params;
};

/// Buffers of a body and a head. The head's live in an arena of their own, as
/// large as headBytesPerToken × rows; it may run on fewer rows than the body
/// did.
struct Activations {
  std::vector<Buffer> buffers;
  uint64_t bytesPerToken = 0;
  View hidden; ///< what the body makes
  std::vector<Buffer> headBuffers;
  uint64_t headBytesPerToken = 0;
  View logits; ///< what the head makes
};

/// `body` turns tokens into the final hidden states; `head` turns rows of
/// `hidden` into logits. Its launches refer to `headBuffers`, with one
/// exception: input views with buffer == kHiddenBuffer mean rows of `hidden`.
struct Plan : Activations {
  std::vector<Rope> ropes;
  std::vector<Launch> body;
  std::vector<Launch> head;
};
inline constexpr int32_t kHiddenBuffer = -2;

//===----------------------------------------------------------------------===//
// The CUDA lowering
//===----------------------------------------------------------------------===//

/// One kernel argument. All device pointers.
struct CudaArg {
  enum class Kind : uint32_t {
    View,     ///< f32 pointer to the body arena: a = the program's buffer, b =
              ///< column
    HeadView, ///< same in the head arena; buffer kHiddenBuffer: first head row
    Tensor,   ///< weights: a = tensor index, b = part index
    // The structs are those of Runtime/Cuda/DeviceState.h.
    Cache,     ///< a = layer; CacheView, by value
    RopeTable, ///< a = rope index; f32 [context, dim/2, 2] (cos, sin)
    State,     ///< DeviceState *
    Tokens,    ///< TokenRow [T], the tokens of this call
    Tiles,     ///< QueryTile [tiles] of this call
    Targets,   ///< int32 [rows], for `score` and `losses`
    Losses,    ///< f32 [rows], what these make
    Draws,     ///< Draw [T] (Runtime/Draw.h), for `draw`
    Scratch,   ///< a = fixed bytes offset, b = bytes-per-token offset
    Int,       ///< a as int32
    Float,     ///< f as float
  };
  Kind kind = Kind::Int;
  int64_t a = 0;
  int64_t b = 0;
  float f = 0;
};

/// ceil(T / perTokens) × fixed, fixed alone where perTokens is 0, and fixed for
/// each of the pass's query tiles where it is kPerTile.
struct GridDim {
  int64_t fixed = 1;
  int64_t perTokens = 0;
};
inline constexpr int64_t kPerTile = -1;

struct CudaLaunch {
  std::string kernel; ///< module in every code, and the symbol in it
  /// Set where the kernel exists for every cache type: the symbols are then
  /// kernel + "_f16", kernel + "_f32" and kernel + "_q8".
  bool perCacheType = false;
  std::array<GridDim, 3> grid;
  uint32_t blockThreads = 0;
  uint32_t sharedBytes = 0; ///< dynamic shared memory
  std::vector<CudaArg> args;
};

/// The name of code for one architecture: "sm_90a", "compute_80" (PTX).
/// `capability`: compute capability × 10.
std::string archName(uint32_t capability, bool specific, bool ptx);

/// A decode pass made for several sequences.
struct CudaBatch {
  int64_t sequences = 2; ///< most of them
  std::vector<CudaLaunch> launches;
};

/// The lowering for GPUs of one description.
struct CudaProgram {
  /// Names of the image's codes that hold these kernels.
  std::vector<std::string> archs;
  /// Its own: kernels do several of the plan's steps, and others than the plan
  /// hand values on.
  Activations memory;
  /// A token each of T ≤ decodeBatch sequences: body, head, then greedy choice,
  /// which writes the tokens and positions of the next: a captured graph
  /// replays unchanged.
  std::vector<CudaLaunch> decode;
  int64_t decodeBatch = 1;
  /// The same for T > 1, where other kernels do better: in ascending order of
  /// size. A pass takes the first that has room; `decode` where none has.
  std::vector<CudaBatch> batches;
  /// Body for 1 ≤ T ≤ chunk tokens, of one sequence or several.
  std::vector<CudaLaunch> prefill;
  std::vector<CudaLaunch> head;  ///< logits of T rows
  std::vector<CudaLaunch> score; ///< after head: −log p(target) of T rows
  /// In place of head and score, for up to chunk rows: the same losses, but no
  /// logits; empty where there are no kernels for it.
  std::vector<CudaLaunch> losses;
  /// After decode of T sequences: in place of the greedy token that each row of
  /// the pass has then, one that is drawn.
  std::vector<CudaLaunch> draw;
  /// Once, where the weights were copied to: changes their order, not their
  /// places. Kernels of the other lists read them so.
  std::vector<CudaLaunch> arrange;
  int64_t tileQueries = 1; ///< most queries of a query tile
  /// Positions of a page of the cache, a power of two; 0: each sequence is one
  /// page, whatever its length.
  int64_t pagePositions = 0;
  uint64_t scratchBytes = 0;         ///< fixed part
  uint64_t scratchBytesPerToken = 0; ///< times the chunk, after the fixed part

  /// The launches of a decode pass of so many sequences.
  const std::vector<CudaLaunch> &decodeOf(int64_t count) const {
    if (count > 1)
      for (const CudaBatch &batch : batches)
        if (count <= batch.sequences)
          return batch.launches;
    return decode;
  }
};

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

enum class WeightsMode : uint32_t { Embedded, External, Synthetic };

inline constexpr int64_t kManifestVersion = 2;

struct Manifest {
  int64_t version = kManifestVersion;
  std::string producer; ///< "qzc 0.1.0"
  ModelInfo model;
  std::string selection; ///< the options in canonical form, for people
  /// What the weights were encoded from; paths are file names.
  std::vector<SourceFile> sources;
  /// SHA-256 of the file of statistics that they were encoded by, in lower-case
  /// hexadecimal; empty without.
  std::string statistics;
  std::vector<Tensor> tensors;
  WeightsMode weightsMode = WeightsMode::Embedded;
  std::string weightsFile; ///< External: name beside the executable
  uint64_t syntheticSeed = 0;
  uint64_t weightsBytes = 0;
  Plan plan;
  std::vector<CudaProgram> cuda; ///< each code belongs to one of them
  std::string nvrtcVersion;      ///< "12.9"
  int64_t minimumDriver = 0;     ///< as cuDriverGetVersion: 12000
};

/// The manifest as JSON text: fixed key order, no dependence on locale.
std::string toJson(const Manifest &manifest);

/// Reads and fully checks a manifest: types, ranges, every index, that views
/// lie inside their buffers and buffers inside the arena, that tensors lie
/// inside weightsBytes and do what their opcode expects. Throws qzc::Error.
Manifest parseManifest(std::string_view json);

/// The checks of parseManifest on a manifest made in memory.
void verify(const Manifest &manifest);

} // namespace qzc::format

#endif // QZC_FORMAT_MANIFEST_H
