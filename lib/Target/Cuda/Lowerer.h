//===- Lowerer.h - One launch of the plan at a time -------------*- C++ -*-===//

#ifndef QZC_LIB_TARGET_CUDA_LOWERER_H
#define QZC_LIB_TARGET_CUDA_LOWERER_H

#include "Kernels/AttendLayer.h"
#include "Kernels/AttendTile.h"
#include "Kernels/Attention.h"
#include "Kernels/ClusterTile.h"
#include "Kernels/FeedTile.h"
#include "Kernels/Gemm.h"
#include "Kernels/Matvec.h"
#include "ProgramBuilder.h"

#include <optional>
#include <set>

namespace qzc::cuda {

/// Sequences of one decode pass, where counters suffice.
inline constexpr int64_t kMostBatch = 64;
/// Sequences that decode passes are made for beside one; larger ones are made
/// of blocks of the last. Each costs every layer a kernel to be compiled.
inline constexpr int64_t kBatchSizes[] = {8, 32};

/// Tokens that launches of many are shaped for, where the model's context has
/// them.
inline constexpr int64_t kManyTokens = 2048;

/// Which of the plan's lists is lowered, and for how many rows.
enum class Phase {
  DecodeBody, ///< a token each of a few sequences
  DecodeHead,
  PrefillBody, ///< T tokens
  PrefillHead, ///< T rows
  Losses,      ///< the same, of which no logits remain
};

/// A norm that the linear layers behind it compute themselves.
struct FusedNorm {
  const format::Launch *launch = nullptr; ///< null: no norm
  /// The norm is the body's last step and its readers are the head's.
  bool fromBody = false;
  /// Its result is read by others too: this layer leaves it to them.
  bool keeps = false;
};

/// How a matvec on tensor cores is spread: fields of kernels::MatvecTensor.
struct TensorShape {
  int64_t splitK = 0; ///< 0: the layer does without tensor cores
  int64_t splitN = 1;
  int64_t tiles = 1;
  int64_t minBlocks = 1; ///< of a multiprocessor
};

/// How an attendLayer is spread.
struct AttendShape {
  AttendTile tile;
  bool hasTiles = false; ///< of rows: products on tensor cores
};

/// How a feedLayer is spread.
struct FeedShape {
  FeedTile tile;
  uint32_t minBlocks = 1; ///< of a multiprocessor
  bool hasTiles = false;  ///< of rows: products on tensor cores
};

/// What either of these comes to in a model.
struct ClusterSpread {
  int64_t clusters;
  int64_t blocks;       ///< of a cluster
  int64_t warps;        ///< of a block
  int64_t rowTiles;     ///< of a block, where hasTiles
  int64_t sharedFloats; ///< of a block, beside the input
  bool hasTiles;
};

class Lowerer {
public:
  /// A program whose kernels read weights in the order that suits them.
  static mlir::OwningOpRef<ProgramOp> lower(mlir::MLIRContext &context,
                                            const format::Manifest &manifest,
                                            const Gpu &gpu);

private:
  /// tiled: weights in WeightOrder::Tiles.
  Lowerer(mlir::MLIRContext &context, const format::Manifest &manifest,
          const Gpu &gpu, std::set<int32_t> tiled)
      : M(manifest), Target(gpu), Tiled(std::move(tiled)),
        Builder(context, manifest.plan, gpu) {}
  mlir::OwningOpRef<ProgramOp> run();

  // Lowerer.cpp: lists, small steps.
  void lowerList(Phase phase, Launches &out);
  void lowerBatches();
  void lowerEmbed(const format::Launch &launch);
  void lowerAddPositions(const format::Launch &launch);
  void lowerNorm(const format::Launch &launch);
  void lowerElementwise(const format::Launch &launch);
  void lowerChoose(Launches &out);
  /// What a head that chooses leaves of each row.
  Arg<kernels::TokenKey *> choice();
  void lowerDraw(Launches &out);

  // AttentionLowering.cpp.
  void lowerAttention(const format::Launch &launch);
  void lowerAttendOne(const format::Launch &launch);
  void lowerAppendCache(const format::Launch &launch);
  void lowerFlash(const format::Launch &launch);
  int panelFlashHeadsOf(const format::AttentionParams &p, const format::View &q,
                        const format::View &out) const;
  const format::Rope *ropeOf(const format::AttentionParams &p) const;
  kernels::AttentionConfig
  attentionConfig(const format::AttentionParams &p) const;
  Arg<const float *> ropeTable(const format::AttentionParams &p) const;
  kernels::AttentionArgs<Arg>
  attentionArgs(const format::AttentionParams &p) const;

  // AttendLayerLowering.cpp.
  /// The layer of q, k and v at `index` with the attention and the layer of o
  /// behind it as one launch; false where they have to be launches of their
  /// own.
  bool lowerAttendLayer(const std::vector<format::Launch> &list, size_t index,
                        const FusedNorm &norm);
  std::optional<AttendShape>
  attendShapeOf(const std::vector<format::Launch> &list, size_t index,
                const FusedNorm &norm) const;
  /// Those that are read by the launch behind the linear layer at `index`, if
  /// it is attention with its layers, which leaves memory idle.
  std::vector<int32_t> weightsAhead(const std::vector<format::Launch> &list,
                                    size_t index) const;

  // FeedLayerLowering.cpp.
  /// The layer at `index` and the one behind it, which reads its outputs as
  /// columns, as one launch; false where they have to be two.
  bool lowerFeedLayer(const std::vector<format::Launch> &list, size_t index,
                      const FusedNorm &norm);
  std::optional<FeedShape> feedShapeOf(const std::vector<format::Launch> &list,
                                       size_t index,
                                       const FusedNorm &norm) const;

  // LinearLowering.cpp.
  /// A run of a layer's parts that one kernel can take.
  struct PartGroup {
    size_t first = 0;
    size_t count = 0;
    int64_t column = 0; ///< of the output
  };
  /// ahead: weights of the launch behind that this one may ask for.
  void lowerLinear(const format::Launch &launch, FusedNorm norm,
                   const std::vector<int32_t> &ahead);
  void addMatvec(const format::Launch &launch, const FusedNorm &norm,
                 const PartGroup &group, const std::vector<int32_t> &ahead);
  void addMatvecTensor(const format::Launch &launch, const FusedNorm &norm,
                       const PartGroup &group, const TensorShape &spread,
                       const std::vector<int32_t> &ahead);
  kernels::AheadArgs<Arg> aheadArgs(const std::vector<int32_t> &weights,
                                    int64_t blocks) const;
  /// Whether chunks of the input can be read: whole ones, 16-byte aligned.
  bool isFast(const format::Launch &launch, const FusedNorm &norm) const;
  kernels::LinearConfig linearConfig(const format::Launch &launch,
                                     const PartGroup &group) const;
  kernels::LinearArgs<Arg> linearArgs(const format::Launch &launch,
                                      const PartGroup &group) const;
  kernels::MatvecArgs<Arg> matvecArgs(const format::Launch &launch,
                                      const FusedNorm &norm,
                                      const PartGroup &group);
  /// Whether the layer's outputs are the logits that a token is chosen by.
  bool makesLogits(const format::Launch &launch) const;
  /// What happens to a layer's sums.
  kernels::EndConfig endConfig(const format::Launch &launch,
                               const PartGroup &group) const;
  /// The residual, or none.
  kernels::InRows<Arg> residualRows(const format::Launch &launch,
                                    const PartGroup &group) const;
  /// Rows of the output: gated, of one part.
  int64_t outputsOf(const format::Launch &launch, const PartGroup &group) const;

  // BatchLowering.cpp.
  bool isForBatch(const format::Launch &launch, const FusedNorm &norm,
                  const PartGroup &group) const;
  /// Tokens as columns of tensor cores, and their scales.
  struct Columns {
    Arg<const void *> columns;
    Arg<const float *> scales;
  };
  Columns stageColumns(const format::Launch &launch, const FusedNorm &norm,
                       const format::PackedShape &shape);
  void addMatvecBatch(const format::Launch &launch, const FusedNorm &norm,
                      const PartGroup &group);
  /// Room for the sums of blocks that share rows.
  Arg<float *> partialSums(int64_t sums);

  // FewLowering.cpp.
  /// False where the layer is not for it: more tokens, or long rows.
  bool addMatvecFew(const format::Launch &launch, const FusedNorm &norm,
                    const PartGroup &group);

  void addMatvecCluster(const format::Launch &launch, const FusedNorm &norm,
                        const PartGroup &group, const ClusterTile &tile);
  /// Whether parts of a row can be normalized: a factor is all that the others
  /// give, and nobody reads the rows.
  static bool isShared(const FusedNorm &norm);

  // PanelLowering.cpp.
  /// The layer for up to 32 tokens as clusters of warpgroups; false where it
  /// has to be two launches.
  bool addMatvecPanels(const format::Launch &launch, const FusedNorm &norm,
                       const PartGroup &group);
  /// The same of more rows than clusters take at once.
  bool addMatvecPair(const format::Launch &launch, const FusedNorm &norm,
                     const PartGroup &group);
  void addMatvecSplit(const format::Launch &launch, const FusedNorm &norm,
                      const PartGroup &group, const ClusterTile &tile);

  // OrderLowering.cpp.
  /// Weights that one token's kernels read by tiles, and that can be stored so.
  static std::set<int32_t> tiledWeights(mlir::MLIRContext &context,
                                        const format::Manifest &manifest,
                                        const Gpu &gpu);
  /// The layer's kernel reads tiles of rows.
  void noteTiles(const format::Launch &launch, const PartGroup &group);
  kernels::WeightConfig weightConfigOf(int32_t tensor) const;
  /// Puts weights in the order that kernels read them in.
  void lowerArrange(Launches &out);

  // GemmLowering.cpp.
  /// Rows of b that one GEMM takes, and their operand in scratch.
  struct GemmSlice {
    int64_t begin;
    int64_t end;
    Arg<const kernels::Half *> weights;
    Arg<const float *> scales; ///< of the rows, or unused

    kernels::SumScale scale() const {
      return scales.isUnused() ? kernels::SumScale::Number
                               : kernels::SumScale::Columns;
    }
  };
  /// What tokens became as rows of a GEMM.
  struct GemmRows {
    kernels::Order order;
    int64_t columns; ///< as they are stored
    Arg<const kernels::Half *> elements;
    Arg<const float *> scales; ///< of the rows
  };
  /// Of the operands of a layer's GEMM.
  kernels::Order orderOf(const format::Launch &launch) const;
  /// Whether a norm or attention makes a layer's input.
  bool readsNormed(const format::Launch &launch) const;
  GemmRows convertInput(const format::Launch &launch, const FusedNorm &norm);
  /// gateRows: of a gated layer's parts, that take turns.
  void convertSlice(const format::Launch &launch, const PartGroup &group,
                    const GemmSlice &slice, int64_t gateRows,
                    const Arg<kernels::Half *> &out,
                    const Arg<float *> &scales);
  /// Makes the operands of a layer's weights, each of which `use` reads.
  void forSlices(const format::Launch &launch, const PartGroup &group,
                 kernels::Order order, int64_t gateRows,
                 llvm::function_ref<void(const GemmSlice &)> use);
  kernels::GemmArgs<Arg> gemmArgs(const format::Launch &launch,
                                  const PartGroup &group,
                                  const GemmSlice &slice,
                                  const GemmRows &rows) const;
  void addGemmPanels(const format::Launch &launch, const PartGroup &group,
                     const GemmSlice &slice, const GemmRows &operand);
  void addGemm(const format::Launch &launch, const PartGroup &group,
               const GemmSlice &slice, const GemmRows &operand);
  void addGemms(const format::Launch &launch, const PartGroup &group,
                const GemmRows &rows);
  /// Rows of b that a layer's GEMM takes at a time, of `total`.
  int64_t sliceRows(const format::Launch &launch, int64_t total) const;
  /// Columns of a block of gemmPanels or scorePanels.
  int64_t panelColumns(int64_t columns) const;

  // GateLowering.cpp.
  /// The gated layer at `index` and the one behind it, whose operand it leaves;
  /// false where that is made of its outputs.
  bool lowerGatePanels(const std::vector<format::Launch> &list, size_t index,
                       const FusedNorm &norm);
  bool leavesPanels(const std::vector<format::Launch> &list,
                    size_t index) const;
  /// Columns of a block of gatePanels, of so many rows of the weights.
  int64_t gateColumns(int64_t columns) const;

  // ScoreLowering.cpp.
  void lowerScore(Launches &out);
  bool scoresWithoutLogits() const;
  void lowerLosses(Launches &out);
  /// Tiles that slices up to row `end` of the vocabulary have in a row.
  int64_t scoreTiles(int64_t end) const;
  void addScore(const format::Launch &launch, const GemmSlice &slice,
                const GemmRows &rows);
  /// What scorePanels leaves to joinScores.
  Arg<float *> scoreSums();
  Arg<float *> targetLogits();

  std::vector<PartGroup> partGroups(const format::Launch &launch) const;
  /// A part's rows of its weight.
  format::RowView rowsOf(const format::Launch &launch, size_t part) const;

  // Fusion.cpp.
  /// The linear launches behind a norm that compute it themselves; empty where
  /// it must be a launch of its own.
  struct NormReaders {
    std::vector<size_t> launches;
    bool keep = false; ///< one, which leaves the rows to whoever reads them
  };
  NormReaders normReaders(const std::vector<format::Launch> &list,
                          size_t index) const;
  /// Whether launches from `first` on read what is in `view` before them.
  bool isReadFrom(const std::vector<format::Launch> &list, size_t first,
                  const format::View &view) const;
  // Of launches that are an input's layer `in` and, behind it, a layer `out`.
  /// Whether out's residual is in's input, which all blocks have.
  static bool addsInput(const format::Launch &in, const format::Launch &out);
  /// Whether out's residual is a part of a row that is kept by one block, and
  /// would be read by others.
  static bool readsPartOfKept(const FusedNorm &norm, const format::Launch &in,
                              const format::Launch &out);
  /// The norm, kept where launches from `first` on read it.
  FusedNorm keptBehind(const std::vector<format::Launch> &list, size_t first,
                       const FusedNorm &norm) const;
  /// What launches of a cluster's layers `in` and `out` have in common; those
  /// behind them begin at `next`.
  template <class Layer>
  void fillClusterLayer(KernelLaunch<Layer> &launch,
                        const ClusterSpread &spread,
                        const std::vector<format::Launch> &list, size_t next,
                        const format::Launch &in, const format::Launch &out,
                        const FusedNorm &norm);
  /// Whether only the launch behind `index` reads what that one makes.
  bool onlyNextReads(const std::vector<format::Launch> &list,
                     size_t index) const;
  static bool overlap(const format::View &a, const format::View &b);
  static bool same(const format::View &a, const format::View &b);
  /// Whether the body ends with a norm that only linear layers of the head
  /// read, so that decode's head may compute it.
  bool headTakesLastNorm() const;

  bool isHead() const {
    return Current == Phase::DecodeHead || Current == Phase::PrefillHead ||
           Current == Phase::Losses;
  }
  bool isDecode() const {
    return Current == Phase::DecodeBody || Current == Phase::DecodeHead;
  }
  const std::vector<format::Buffer> &buffers() const {
    return isHead() ? M.plan.headBuffers : M.plan.buffers;
  }
  format::CudaArg::Kind viewKind() const;
  /// What a linear layer reads: its input, or that of the norm before it.
  kernels::InRows<Arg> inputRows(const format::Launch &launch,
                                 const FusedNorm &norm) const;
  int64_t stride(const format::View &view) const;
  int64_t inputStride(const format::Launch &launch,
                      const FusedNorm &norm) const;
  const format::Tensor &tensor(int32_t index) const {
    return M.tensors[static_cast<size_t>(index)];
  }
  /// Which of the state's counts the rows of this phase are.
  kernels::Rows rows() const {
    return isHead() ? kernels::Rows::Head : kernels::Rows::Tokens;
  }
  static Arg<TokenRow *> tokenRows() {
    return argOf<TokenRow *>(format::CudaArg::Kind::Tokens);
  }
  static Arg<DeviceState *> state() {
    return argOf<DeviceState *>(format::CudaArg::Kind::State);
  }
  /// A block for so many tokens.
  static format::GridDim perToken(int64_t tokens = 1) { return {1, tokens}; }
  kernels::InRows<Arg> inRows(const format::View &view,
                              int64_t column = 0) const;
  kernels::OutRows<Arg> outRows(const format::View &view,
                                int64_t column = 0) const;
  Arg<const void *> tensorArg(int32_t tensor, size_t part) const;
  kernels::WeightArgs<Arg> weightArgs(int32_t tensor) const;
  /// Of a norm, or null: of none.
  kernels::NormConfig normConfig(const format::Launch *norm) const;
  kernels::NormArgs<Arg> normArgs(const format::Launch *norm) const;
  /// Where a layer leaves the norm that it keeps.
  kernels::OutRows<Arg> keptRows(const FusedNorm &norm) const;

  const format::Manifest &M;
  const Gpu Target;
  const std::set<int32_t> Tiled;
  ProgramBuilder Builder;
  Phase Current = Phase::DecodeBody;
  int64_t MostBatch = kMostBatch; ///< of a decode pass
  int64_t Batch = 1;              ///< sequences that this one is made for
  bool HasBatchKernels = false;
  bool HeadChooses = false;     ///< the list's last layer leaves the choice
  std::set<int32_t> ReadsTiles; ///< of noteTiles
  Launches *Out = nullptr;
  /// Of the list: its last GEMM, with the conversions of weights that follow
  /// it, and which of two slices in scratch is the next one's.
  mlir::Operation *LastProduct = nullptr;
  int Turn = 0;
  /// What the 16-bit activations in scratch were made from, while that holds,
  /// and by what.
  struct Conversion {
    const format::Launch *norm; ///< null: no norm
    format::View from;
    std::string config;
  };
  /// Adds the launch that converts a layer's input, unless what it makes is
  /// there.
  void convertOnce(const format::Launch &launch, const FusedNorm &norm,
                   const LaunchSpec &spec);
  /// What was made of a row that is written now is made of it no more.
  void forgetConverted(const format::Launch &launch);
  std::optional<Conversion> Converted;
};

/// Columns of a layer: the staged input must leave room for the static part in
/// the 99 KiB of shared memory that every supported GPU gives a block.
inline constexpr int64_t kMostInputs = 24576;
/// Whether codes become operands of tensor cores: Operands<…>. The scales of
/// q6_k are of half a chunk.
bool hasOperands(const format::PackedShape &shape);
/// Whether lanes multiply the codes of a book that they load, and exchange none
/// (Spread::Dealt in Kernels/Columns.cuh).
bool keepsCodes(const format::PackedShape &shape);
/// Bytes of shared memory that operands are looked up in.
int64_t operandTableBytes(const format::PackedShape &shape);
/// Shared memory that every supported GPU gives a block, less what is static.
inline constexpr int64_t kMostSharedBytes = 98 * 1024;
/// The same of the GPU; of the 227 KiB of sm_90a.
inline int64_t mostSharedBytes(const Gpu &gpu) {
  return gpu.warpgroups ? 200 * 1024 : kMostSharedBytes;
}
/// Shared memory of which a multiprocessor that runs clusters has not twice as
/// much: of 228 KiB.
inline constexpr uint32_t kBytesOfOnlyBlock = 116 * 1024;

/// Blocks of clusters that surely run at once, one a processor: a cluster has
/// to fit into a group of these.
inline int64_t mostClusterBlocks(const Gpu &gpu) {
  return gpu.processors * 3 / 4;
}
/// Rows of a cluster's first layer that a warp makes at most.
inline constexpr int64_t kMostRowsOfWarp = 8;
/// Whether a block of a cluster that stages the input of a layer should make so
/// many of its rows: of more, launches that spread them over all processors
/// take less time.
bool fitsClusterBlock(const format::PackedShape &layer, int64_t rows,
                      int64_t warps);

/// Elements that 16 bytes hold, 32 of fewer than 8 bits: Weights<…>::kPerChunk
/// in Kernels/.
int64_t perChunk(const format::PackedShape &shape);
/// Elements of an input that a matvec stages, in whole chunks of each lane.
int64_t stagedInputs(const format::PackedShape &shape);
/// What TileRows shares: the input as tensor cores have it, the sums of so many
/// warps and tiles, and the input itself where that is a residual.
int64_t stagedTileBytes(const format::PackedShape &shape, int64_t warps,
                        int64_t tiles, bool isResidual);
inline int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class Layer>
void Lowerer::fillClusterLayer(KernelLaunch<Layer> &launch,
                               const ClusterSpread &spread,
                               const std::vector<format::Launch> &list,
                               size_t next, const format::Launch &in,
                               const format::Launch &out,
                               const FusedNorm &norm) {
  const FusedNorm kept = keptBehind(list, next, norm);
  if (spread.hasTiles)
    for (const format::Launch *layer : {&in, &out})
      noteTiles(*layer, partGroups(*layer)[0]);
  launch.config.norm = normConfig(norm.launch);
  launch.config.in = linearConfig(in, partGroups(in)[0]);
  launch.config.out = linearConfig(out, partGroups(out)[0]);
  launch.config.keepsNorm = kept.keeps;
  launch.config.addsInput = addsInput(in, out);
  launch.args.x = inputRows(in, norm);
  launch.args.norm = normArgs(norm.launch);
  launch.args.kept = keptRows(kept);
  launch.args.in = linearArgs(in, partGroups(in)[0]);
  launch.args.in.out = {kUnused, intOf(0)};
  launch.args.out = linearArgs(out, partGroups(out)[0]);
  if (launch.config.addsInput)
    launch.args.out.residual = {kUnused, intOf(0)};
  launch.args.state = state();

  launch.config.blocks = toInt(spread.blocks);
  launch.config.hasTiles = spread.hasTiles;
  launch.args.partials = Builder.fixedScratch<float>(
      Layer::kFunction,
      static_cast<uint64_t>(kMostBatch * spread.clusters *
                            outputsOf(out, partGroups(out)[0]) * 4));
  launch.grid[0] = {spread.clusters * spread.blocks, 0};
  launch.grid[1] = perToken();
  launch.blockThreads = static_cast<uint32_t>(spread.warps * 32);
  const format::PackedShape &shape = tensor(in.weights[0]).shape;
  const int64_t inputBytes =
      spread.hasTiles ? stagedTileBytes(shape, spread.warps, spread.rowTiles,
                                        launch.config.addsInput)
                      : 4 * stagedInputs(shape);
  launch.sharedBytes =
      static_cast<uint32_t>(4 * spread.sharedFloats + inputBytes);
  launch.clusterBlocks = static_cast<uint32_t>(spread.blocks);
}

} // namespace qzc::cuda

#endif // QZC_LIB_TARGET_CUDA_LOWERER_H
