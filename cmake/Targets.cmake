# How the project's own targets are made. Warnings are errors in them; headers
# from outside are system headers.

set(QZC_WARNINGS -Wall -Wextra -Werror -Wno-unused-parameter)

function(qzc_common target)
  target_compile_options(${target} PRIVATE ${QZC_WARNINGS})
  target_include_directories(${target} SYSTEM PRIVATE
    ${HIGHWAY_INCLUDE} ${XXHASH_INCLUDE} ${NETTLE_INCLUDE} ${PCRE2_INCLUDE})
endfunction()

# qzc_add_library(Name source... [LINK target...]): plain C++, no LLVM.
function(qzc_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  qzc_common(${name})
  # Codes must not depend on what the compiler contracts into an fma.
  target_compile_options(${name} PRIVATE -ffp-contract=off)
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# qzc_add_mlir_library(Name source... [LINK target...] [DEPENDS tablegen...]):
# for code that includes MLIR; its users link MLIR and LLVM once, as shared
# libraries (mixing in the static archives breaks MLIR's type storage).
function(qzc_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  qzc_common(${name})
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS})
  target_compile_definitions(${name} PUBLIC ${LLVM_DEFINITIONS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# qzc_add_tool(name source... [LINK target...] [STRIPPED]): an executable in
# bin/, checked to run on any x86-64 CPU as far as its kernels let it.
function(qzc_add_tool name)
  cmake_parse_arguments(ARG "STRIPPED" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  qzc_common(${name})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  set(with_symbols $<TARGET_FILE:${name}>)
  if(ARG_STRIPPED)
    set(with_symbols ${CMAKE_CURRENT_BINARY_DIR}/${name}.unstripped)
    add_custom_command(TARGET ${name} POST_BUILD
      COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:${name}> ${with_symbols}
      COMMAND ${CMAKE_STRIP} $<TARGET_FILE:${name}>
      BYPRODUCTS ${with_symbols} VERBATIM)
  endif()
  add_test(NAME instructions-of-${name}
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/check-instructions.sh ${with_symbols})
endfunction()

# qzc_add_unit_test(Name source... [LINK target...]): one GoogleTest binary,
# every case known to ctest. QZC_TEST_DATA is test/ in the source tree.
include(GoogleTest)
function(qzc_add_unit_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL ${ARG_UNPARSED_ARGUMENTS})
  qzc_common(${name})
  target_compile_definitions(${name} PRIVATE QZC_TEST_DATA="${CMAKE_SOURCE_DIR}/test")
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main)
  add_dependencies(qzc-unit-tests ${name})
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST)
endfunction()
