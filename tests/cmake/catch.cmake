# SPDX-License-Identifier: MIT
# Finds Catch2 of either version, and defines equipoise_test().
include(CheckCXXSourceCompiles)
find_package(Catch2 QUIET)

# The platform's Catch2 was built with its usual standard library and with exceptions. Other builds compile their own main.
check_cxx_source_compiles("#include <version>
  #if !defined(__cpp_exceptions) || defined(_LIBCPP_VERSION)
  #error another standard library, or no exceptions
  #endif
  int main() {}" EQUIPOISE_FITS_PLATFORM_LIBRARIES)

if(NOT Catch2_FOUND)
  message(STATUS "unit tests skipped: the Catch2 library was not found")
elseif(EQUIPOISE_FITS_PLATFORM_LIBRARIES)
  set(catch_main Catch2::Catch2WithMain)
elseif(Catch2_VERSION VERSION_LESS 3)
  add_library(catch_main STATIC catch_main.cpp)
  target_compile_features(catch_main PRIVATE cxx_std_20)  # without it Catch2 cannot print a string_view
  target_compile_options(catch_main PRIVATE -w)
  target_link_libraries(catch_main PUBLIC Catch2::Catch2)
  set(catch_main catch_main)
else()
  message(STATUS "unit tests skipped: the Catch2 library was built for another standard library")
endif()
if(catch_main)
  include(Catch)
endif()

function(equipoise_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LABELS")
  if(NOT catch_main)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "test skipped: no Catch2 for this build")
    set_tests_properties(${name} PROPERTIES SKIP_REGULAR_EXPRESSION "test skipped: " LABELS "${arg_LABELS}")
    return()
  endif()
  # Catch2 2.13 splits a name at a semicolon into two tests, one of which matches nothing and passes.
  foreach(source IN LISTS arg_UNPARSED_ARGUMENTS)
    file(STRINGS ${source} bad REGEX "^(TEMPLATE_|SCENARIO|TEST_CASE)[A-Z_]*\\(\"[^\"]*;")
    if(bad)
      message(FATAL_ERROR "${source}: a test's name has a semicolon, which Catch2 2.13 takes for two names:\n${bad}")
    endif()
    # It also indents a name by the text before its last colon. If that text fills the line, it prints without end.
    string(REPEAT "[^\"]" 68 wide)
    file(STRINGS ${source} bad REGEX "^(TEMPLATE_|SCENARIO|TEST_CASE)[A-Z_]*\\(\"${wide}[^\"]*: ")
    if(bad)
      message(FATAL_ERROR "${source}: a test's name has a colon too far right for Catch2 2.13:\n${bad}")
    endif()
  endforeach()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  # A few files make one translation unit: parsing Catch2 and the library once for all of them takes half of the time.
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE equipoise::equipoise ${catch_main} Threads::Threads)
  # With a sanitizer GCC takes some initialised strings for uninitialised.
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  endif()
  string(REGEX REPLACE "_tests$" "" room ${name})
  catch_discover_tests(${name} TEST_PREFIX "${room}/"
    PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300 SKIP_REGULAR_EXPRESSION "test skipped: ")
endfunction()
