// qz.rope: styles, a part of each head, scalings.
// Numbers: Inputs/reference.py.

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 4, theta = 100.0, style = half> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=HALF
// HALF: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// HALF-NEXT: row 1, argmax 6: 0.8733 0.0438 -0.4538 0.0647 0.0083 -1.2438 1.2900 -0.0243
// HALF-NEXT: row 2, argmax 7: 0.2000 0.3763 0.0916 -0.6482 0.1043 -0.9868 -0.3482 0.8917

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 6, theta = 100.0, style = half> heads 1 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=PARTIAL
// PARTIAL: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// PARTIAL-NEXT: row 1, argmax 4: -0.0019 -0.1842 -0.9214 0.1082 1.0755 -1.2841 0.6900 0.1000
// PARTIAL-NEXT: row 2, argmax 7: 0.6456 0.3684 -0.1458 0.2955 -0.2269 -0.8070 0.0500 1.0700

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 4, theta = 100.0, style = interleaved> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=INTERLEAVED
// INTERLEAVED: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// INTERLEAVED-NEXT: row 1, argmax 4: 0.0066 0.1027 -0.9811 -0.0381 1.6324 0.2472 0.6766 0.1684
// INTERLEAVED-NEXT: row 2, argmax 7: -0.2182 -0.0999 -0.0746 -0.7396 0.8682 0.0014 -0.1636 1.0586

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 2, theta = 100.0, style = interleaved> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=INTERLEAVED-PARTIAL
// INTERLEAVED-PARTIAL: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// INTERLEAVED-PARTIAL-NEXT: row 1, argmax 4: 0.0066 0.1027 -0.9800 0.0600 1.6324 0.2472 0.6900 0.1000
// INTERLEAVED-PARTIAL-NEXT: row 2, argmax 7: -0.2182 -0.0999 -0.2200 -0.7100 0.8682 0.0014 0.0500 1.0700

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 8, theta = 100.0, style = half, scaling = linear, factor = 4.0> heads 1 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=SCALED
// SCALED: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// SCALED-NEXT: row 1, argmax 4: -0.1825 0.1478 -0.9969 0.0592 1.0784 -1.2322 0.6653 0.1005
// SCALED-NEXT: row 2, argmax 7: 0.1726 0.3614 -0.2222 -0.7268 -0.3159 -0.7424 0.0389 1.0586

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 8, theta = 100.0, style = half, scaling = llama3, factor = 4.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original_context = 8> heads 1 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LLAMA3
// LLAMA3: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// LLAMA3-NEXT: row 1, argmax 4: -0.2556 0.1478 -0.9969 0.0592 1.0634 -1.2322 0.6653 0.1005
// LLAMA3-NEXT: row 2, argmax 7: 0.2140 0.3614 -0.2222 -0.7268 -0.2895 -0.7424 0.0389 1.0586

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 8, theta = 100.0, style = half, scaling = dynamic, factor = 4.0, original_context = 2> heads 1 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: row 0, argmax 7: -0.3900 -0.5000 0.3900 0.2900 0.0800 -0.7400 -0.0200 0.5600
// DYNAMIC-NEXT: row 1, argmax 4: -0.8686 0.3185 -1.0120 0.0589 0.6647 -1.1994 0.6421 0.1006
// DYNAMIC-NEXT: row 2, argmax 7: 0.3273 0.5527 -0.2238 -0.7324 0.1498 -0.6133 0.0286 1.0548

// Three positions are no longer than the original context.
// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 4, theta = 100.0, style = half, scaling = dynamic, factor = 4.0, original_context = 3> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=HALF

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 4, theta = 100.0, style = half, scaling = explicit, magnitude = 1.25, frequencies = [0.5, 0.25]> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=EXPLICIT
// EXPLICIT: row 0, argmax 7: -0.4875 -0.6250 0.4875 0.3625 0.1000 -0.9250 -0.0250 0.7000
// EXPLICIT-NEXT: row 1, argmax 6: 0.6860 0.0420 -1.0211 0.0881 0.7822 -1.5327 1.4101 -0.2624
// EXPLICIT-NEXT: row 2, argmax 7: 0.2314 0.6888 -0.1486 -0.6350 -0.2957 -1.5078 -0.3449 0.7003

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 4, theta = 100.0, style = half, scaling = explicit, magnitude = 1.25, frequencies = [0.5, 0.25], original_context = 3, long_frequencies = [0.7, 0.1]> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=EXPLICIT

// RUN: sed 's/OP/qz.rope %x, #qz.rope<dim = 2, theta = 100.0, style = interleaved, scaling = explicit, magnitude = 0.75, frequencies = [0.5], original_context = 2, long_frequencies = [0.125]> heads 2 : tensor<?x8xf32>/' %s \
// RUN:   | %qz-interpret - --tokens 1,5,0 --weights-dir %S/Inputs | FileCheck %s --check-prefix=LONG
// LONG: row 0, argmax 7: -0.2925 -0.3750 0.3900 0.2900 0.0600 -0.5550 -0.0200 0.5600
// LONG-NEXT: row 1, argmax 4: 0.0623 0.0456 -0.9800 0.0600 0.9271 -0.8208 0.6900 0.1000
// LONG-NEXT: row 2, argmax 7: -0.0445 0.1744 -0.2200 -0.7100 -0.1150 -0.6409 0.0500 1.0700

qz.model @m attributes {family = "f", layers = 1 : i64, hidden = 8 : i64, vocab = 8 : i64,
    context = 6 : i64, eos = array<i64>, add_bos = false} {
  qz.file @weights "weights.safetensors" size 2240 sha256 "2ed8cf6193d51b05cd340c3283f790ed680525b78d11980a4612e9c9acca9a41"
  qz.graph(%tokens : tensor<?xi32>) -> tensor<?x8xf32> {
    %table = qz.param "table" @weights[1728] : tensor<8x8xf32>
    %x0 = qz.embed %tokens, %table : tensor<8x8xf32> -> tensor<?x8xf32>
    %x1 = qz.block 0 (%x = %x0) : tensor<?x8xf32> {
      %y = OP
      qz.yield %y : tensor<?x8xf32>
    }
    qz.return %x1 : tensor<?x8xf32>
  }
}
