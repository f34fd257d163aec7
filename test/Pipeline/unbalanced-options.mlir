// Brackets and quotes in the options of passes end, wherever the options come from.
//
// RUN: not timeout 60 %qzc-opt %s --qz-quantize="rules=(" 2>&1 | FileCheck %s
// RUN: not timeout 60 %qzc-opt %s --qz-quantize="rules=a\(=nf4" 2>&1 | FileCheck %s
// RUN: not timeout 60 %qzc-opt %s --qz-quantize="rules={" 2>&1 | FileCheck %s
// RUN: not timeout 60 %qzc-opt %s --qz-quantize="rules='(',)" 2>&1 | FileCheck %s
// RUN: not timeout 60 %qzc-opt %s --qzc-compile="rules=a[" 2>&1 | FileCheck %s
// RUN: not timeout 60 %qzc-opt %s --canonicalize="disable-patterns=(" 2>&1 | FileCheck %s
// RUN: not timeout 60 %qzc-opt %s "-pass-pipeline=builtin.module(qz-quantize{rules=a(})" 2>&1 | FileCheck %s
// RUN: echo '--qz-quantize=rules=(' >%t.options
// RUN: not timeout 60 %qzc-opt %s @%t.options 2>&1 | FileCheck %s
// CHECK: qzc-opt: error: {{.*}} has a bracket or a quote without its counterpart
//
// RUN: not timeout 60 %qzc-opt %s --run-reproducer 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: qzc-opt: error: {{.*}}unbalanced-options.mlir: 'builtin.module(qz-quantize{rules=(})' has a bracket

module {}

{-#
  external_resources: {
    mlir_reproducer: {
      pipeline: "builtin.module(qz-quantize{rules=(})",
      disable_threading: true,
      verify_each: true
    }
  }
#-}
