//===- qzc-opt.cpp - Runs passes, for tests and for people ----------------===//

#include "qzc/Init.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  qzc::registerAllDialects(registry);
  qzc::registerAllPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "qzc modular optimizer driver", registry));
}
