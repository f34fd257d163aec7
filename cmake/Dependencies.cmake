# Everything from outside: MLIR/LLVM for the compiler, small static libraries
# for the runtime, NVRTC and cuda.h from the wheels that scripts/setup unpacks.

find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 19)
  message(FATAL_ERROR "MLIR/LLVM 19 is needed, found ${LLVM_VERSION} at ${MLIR_DIR}")
endif()
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(GTest REQUIRED)
find_path(HIGHWAY_INCLUDE hwy/highway.h REQUIRED)
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
find_path(NETTLE_INCLUDE nettle/sha2.h REQUIRED)
find_library(NETTLE_STATIC libnettle.a REQUIRED)
find_path(ZSTD_INCLUDE zstd.h REQUIRED)
find_library(ZSTD_STATIC libzstd.a REQUIRED)
find_path(PCRE2_INCLUDE pcre2.h REQUIRED)
find_library(PCRE2_STATIC libpcre2-8.a REQUIRED)
find_path(UTF8PROC_INCLUDE utf8proc.h REQUIRED)
find_path(ROBIN_MAP_INCLUDE tsl/robin_map.h REQUIRED)
find_library(UTF8PROC_STATIC libutf8proc.a REQUIRED)

# QZC_DEPS is filled by scripts/setup.
set(QZC_DEPS ${CMAKE_SOURCE_DIR}/.deps CACHE PATH "What scripts/setup unpacked")
find_path(CUDA_HEADERS cuda.h REQUIRED
  PATHS ${QZC_DEPS}/nvidia/cuda_runtime/include NO_DEFAULT_PATH)
find_path(NVRTC_HEADERS nvrtc.h REQUIRED
  PATHS ${QZC_DEPS}/nvidia/cuda_nvrtc/include NO_DEFAULT_PATH)
find_library(NVRTC_LIBRARY libnvrtc.so.12 REQUIRED
  PATHS ${QZC_DEPS}/nvidia/cuda_nvrtc/lib NO_DEFAULT_PATH)
find_path(JINJA common/jinja/runtime.h REQUIRED
  PATHS ${QZC_DEPS}/jinja NO_DEFAULT_PATH)
