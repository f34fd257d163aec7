#!/bin/sh
# run.sh stage BUILD FOLDER        compile the kernels of all cases into FOLDER
# run.sh check|bench|all FOLDER    run them, on a machine with a GPU
# From the root of the source tree.
set -eu
case $1 in
stage)
  ninja -C "$2" kernel-test-build kernel-test-run
  mkdir -p "$3"
  "$(find "$2" -name kernel-test-build -type f)" "$3"
  cp "$(find "$2" -name kernel-test-run -type f)" "$3"
  mkdir -p "$3/include"
  cp -r /usr/include/nlohmann "$3/include"
  ;;
*)
  runner=$2/kernel-test-run
  status=0
  "$runner" >/dev/null 2>&1 || status=$?
  if [ $status -ne 2 ]; then
    # Built against other system libraries: build it here.
    runner=$(mktemp -d)/kernel-test-run
    g++ -std=c++17 -O2 -w -ffp-contract=off -I include -I "$2/include" \
      -I "${CUDA_HOME:-/usr/local/cuda}/include" -o "$runner" \
      test/kernels/Machine.cpp test/kernels/Model.cpp \
      test/kernels/Reference.cpp test/kernels/Run.cpp \
      test/kernels/Target.cpp test/kernels/Weights.cpp \
      lib/Target/Cuda/Gpu.cpp lib/Format/Ggml*.cpp lib/Format/LaunchParams.cpp \
      lib/Format/ManifestNames.cpp lib/Format/ManifestRead.cpp \
      lib/Format/ManifestVerify.cpp lib/Format/ManifestVerifyProgram.cpp \
      lib/Format/Packing.cpp lib/Format/RowView.cpp lib/Format/Scaling.cpp \
      lib/Format/Scheme.cpp lib/Format/Schemes/*.cpp \
      lib/Runtime/Sequences/HostDraw.cpp -ldl
  fi
  "$runner" "$2" "$1"
  ;;
esac
