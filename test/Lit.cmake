# check-lit: the suites of .mlir and .test files in this folder.

find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_program(LIT NAMES lit.py lit PATHS ${LLVM_BINARY_DIR}/build/utils/lit
  /usr/lib/llvm-19/build/utils/lit REQUIRED)
configure_file(lit.site.cfg.py.in lit.site.cfg.py @ONLY)
add_custom_target(check-lit
  COMMAND ${Python3_EXECUTABLE} ${LIT} -sv ${CMAKE_CURRENT_BINARY_DIR}
  DEPENDS qzc-opt qz-interpret
  USES_TERMINAL
  COMMENT "Running the lit suite")
