// RUN: %qzc-opt %s -verify-diagnostics -split-input-file

// PackedType (C1): the scheme quantizes
// expected-error @+1 {{a packed weight needs a scheme that quantizes}}
module attributes {qz.t = !qz.packed<4x4, none>} {}

// -----

// PackedType (C2): extents
// expected-error @+1 {{int8 of 0x4: }}
module attributes {qz.t = !qz.packed<0x4, int8>} {}

// -----

// PackedType (C2): block size
// expected-error @+1 {{nf4 of 4x4, block 48: }}
module attributes {qz.t = !qz.packed<4x4, nf4, block = 48>} {}

// -----

// PackedType (C2): a scheme without blocks
// expected-error @+1 {{int8 of 4x4, block 64: }}
module attributes {qz.t = !qz.packed<4x4, int8, block = 64>} {}

// -----

// PackedType (C2): rows that blocks do not divide
// expected-error @+1 {{q4_0 of 64x33: its blocks of 32 do not divide the rows}}
module attributes {qz.t = !qz.packed<64x33, q4_0>} {}

// -----

// PackedType (C2): a scheme without double quantization
// expected-error @+1 {{q8_0 of 64x64, double: the scheme has no double quantization}}
module attributes {qz.t = !qz.packed<64x64, q8_0, double>} {}

// -----

// PackedType (C2): block size, with double quantization
// expected-error @+1 {{fp4 of 4x4, block 16, double: its block size must be}}
module attributes {qz.t = !qz.packed<4x4, fp4, block = 16, double>} {}

// -----

// PackedType (C2): a scheme without zero points
// expected-error @+1 {{nf4 of 4x4, block 64, asym: the scheme has no zero points to choose}}
module attributes {qz.t = !qz.packed<4x4, nf4, asym>} {}

// -----

// PackedType (C2): zero points are not for double quantization
// expected-error @+1 {{int4 of 4x64, block 64, double: the scheme has no double quantization}}
module attributes {qz.t = !qz.packed<4x64, int4, double>} {}

// -----

// PackedType (C2): groups of rows
// expected-error @+1 {{int3 of 4x96, block 64: its groups do not divide the rows}}
module attributes {qz.t = !qz.packed<4x96, int3>} {}

// -----

// PackedType (C2): blocks of 256
// expected-error @+1 {{q4_k of 4x128: its blocks of 256 do not divide the rows}}
module attributes {qz.t = !qz.packed<4x128, q4_k>} {}

// -----

// PackedType: one block size
// expected-error @+1 {{expected 'block', 'double', 'asym' or 'absmax'}}
module attributes {qz.t = !qz.packed<4x4, fp4, block = 64, block = 64>} {}

// -----

// PackedType (C2): sizes that overflow
// expected-error @+1 {{int8 of 4611686018427387904x4611686018427387904: }}
module attributes {qz.t = !qz.packed<4611686018427387904x4611686018427387904, int8>} {}

// -----

// PackedType: two extents
// expected-error @+1 {{expected two extents, OUTxIN}}
module attributes {qz.t = !qz.packed<4x4x4, int8>} {}

// -----

// PackedType: an extent that is no 64-bit number
// expected-error @+1 {{invalid dimension}}
module attributes {qz.t = !qz.packed<99999999999999999999x4, int8>} {}

// -----

// PackedType: unknown scheme
// expected-error @+1 {{unknown scheme 'nf5'}}
module attributes {qz.t = !qz.packed<4x4, nf5>} {}

// -----

// PackedType: dynamic extents
// expected-error @+1 {{expected}}
module attributes {qz.t = !qz.packed<?x4, int8>} {}

// -----

// PackedType: cut short
// expected-error @+1 {{unbalanced '<' character in pretty dialect name}}
module attributes {qz.t = !qz.packed<4x4} {}

// -----

// RopeAttr (C1): dim
// expected-error @+1 {{rope dim must be even and in 2…65536, not 0}}
module attributes {qz.r = #qz.rope<dim = 0, theta = 1.0e4, style = half>} {}

// -----

// RopeAttr (C1): dim
// expected-error @+1 {{rope dim must be even and in 2…65536, not 3}}
module attributes {qz.r = #qz.rope<dim = 3, theta = 1.0e4, style = half>} {}

// -----

// RopeAttr (C1): dim
// expected-error @+1 {{rope dim must be even and in 2…65536, not 65538}}
module attributes {qz.r = #qz.rope<dim = 65538, theta = 1.0e4, style = half>} {}

// -----

// RopeAttr (C1): dim
// expected-error @+1 {{rope dim must be even and in 2…65536, not -2}}
module attributes {qz.r = #qz.rope<dim = -2, theta = 1.0e4, style = half>} {}

// -----

// RopeAttr (C2): theta
// expected-error @+1 {{rope theta must be finite and positive}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 0.0, style = half>} {}

// -----

// RopeAttr (C2): theta
// expected-error @+1 {{rope theta must be finite and positive}}
module attributes {qz.r = #qz.rope<dim = 4, theta = -1.0, style = half>} {}

// -----

// RopeAttr (C2): theta
// expected-error @+1 {{rope theta must be finite and positive}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 0x7FF0000000000000, style = half>} {}

// -----

// RopeAttr (C3): factor
// expected-error @+1 {{rope factor must be finite and at least 1}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = linear, factor = 0.5>} {}

// -----

// RopeAttr (C3): factor
// expected-error @+1 {{rope factor must be finite and at least 1}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = linear, factor = 0x7FF8000000000000>} {}

// -----

// RopeAttr (C4): order
// expected-error @+1 {{rope needs 0 < low_freq_factor < high_freq_factor, both finite}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = llama3, factor = 8.0, low_freq_factor = 4.0, high_freq_factor = 1.0, original_context = 64>} {}

// -----

// RopeAttr (C4): zero
// expected-error @+1 {{rope needs 0 < low_freq_factor < high_freq_factor, both finite}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = llama3, factor = 8.0, low_freq_factor = 0.0, high_freq_factor = 1.0, original_context = 64>} {}

// -----

// RopeAttr (C5): context
// expected-error @+1 {{rope original_context must be positive}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = llama3, factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original_context = 0>} {}

// -----

// RopeAttr (C5): context of dynamic
// expected-error @+1 {{rope original_context must be positive}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = dynamic, factor = 8.0, original_context = 0>} {}

// -----

// RopeAttr (C5): context of long frequencies
// expected-error @+1 {{rope original_context must be positive}}
module attributes {qz.r = #qz.rope<dim = 2, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.0, frequencies = [1.0], original_context = 0, long_frequencies = [1.0]>} {}

// -----

// RopeAttr (C6): pairs of dynamic
// expected-error @+1 {{rope dim must be at least 4 where it is dynamic}}
module attributes {qz.r = #qz.rope<dim = 2, theta = 1.0e4, style = half, scaling = dynamic, factor = 8.0, original_context = 9>} {}

// -----

// RopeAttr (C7): magnitude
// expected-error @+1 {{rope magnitude must be finite and positive}}
module attributes {qz.r = #qz.rope<dim = 2, theta = 1.0e4, style = half, scaling = explicit, magnitude = 0.0, frequencies = [1.0]>} {}

// -----

// RopeAttr (C8): count
// expected-error @+1 {{rope has 1 frequencies for 2 pairs}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.0, frequencies = [1.0]>} {}

// -----

// RopeAttr (C8): count of long ones
// expected-error @+1 {{rope has 2 frequencies for 1 pairs}}
module attributes {qz.r = #qz.rope<dim = 2, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.0, frequencies = [1.0], original_context = 9, long_frequencies = [1.0, 2.0]>} {}

// -----

// RopeAttr (C8): sign
// expected-error @+1 {{rope frequencies must be finite, none negative}}
module attributes {qz.r = #qz.rope<dim = 2, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.0, frequencies = [-1.0]>} {}

// -----

// RopeAttr (C8): finite as f32
// expected-error @+1 {{rope frequencies must be finite, none negative}}
module attributes {qz.r = #qz.rope<dim = 2, theta = 1.0e4, style = half, scaling = explicit, magnitude = 1.0, frequencies = [1.0e300]>} {}

// -----

// RopeAttr: unknown style
// expected-error @+1 {{unknown rope style 'whole'}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = whole>} {}

// -----

// RopeAttr: unknown scaling
// expected-error @+1 {{unknown rope scaling 'yarn'}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = yarn>} {}

// -----

// RopeAttr: scaling is left out, not none
// expected-error @+1 {{unknown rope scaling 'none'}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = none>} {}

// -----

// RopeAttr: missing fields
// expected-error @+1 {{expected 'factor'}}
module attributes {qz.r = #qz.rope<dim = 4, theta = 1.0e4, style = half, scaling = linear, theta = 1.0>} {}

// -----

// RowsType (C1): no rows
// expected-error @+1 {{0 rows of a weight of 4}}
module attributes {qz.t = !qz.rows<0 of !qz.packed<4x4, int8>>} {}

// -----

// RowsType (C1): more rows than there are
// expected-error @+1 {{5 rows of a weight of 4}}
module attributes {qz.t = !qz.rows<5 of !qz.packed<4x4, int8>>} {}
