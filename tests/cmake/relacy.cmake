# SPDX-License-Identifier: MIT
# Model checks. Each file of concurrency/relacy is a program that runs a template of the library under Relacy's memory
# model and ends with 0 or 1. Relacy has its own scheduler and works with no sanitizer, so builds with one do without
# these: they would be the programs of the build without it again. Its headers cause warnings.
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  return()
endif()
file(GLOB sources CONFIGURE_DEPENDS concurrency/relacy/*.cpp)
find_path(RELACY_INCLUDE_DIR relacy/relacy.hpp)

foreach(source IN LISTS sources)
  cmake_path(GET source STEM name)
  if(RELACY_INCLUDE_DIR AND EQUIPOISE_FITS_PLATFORM_LIBRARIES)
    add_executable(relacy_${name} ${source})
    target_include_directories(relacy_${name} SYSTEM PRIVATE ${RELACY_INCLUDE_DIR})
    target_compile_options(relacy_${name} PRIVATE -O1 -w -g0)
    target_link_libraries(relacy_${name} PRIVATE equipoise::equipoise Threads::Threads)
    add_test(NAME "relacy: ${name}" COMMAND relacy_${name})
  else()
    add_test(NAME "relacy: ${name}" COMMAND ${CMAKE_COMMAND} -E echo "test skipped: no Relacy for this build")
  endif()
  set_tests_properties("relacy: ${name}" PROPERTIES LABELS "concurrency;relacy" TIMEOUT 300 SKIP_REGULAR_EXPRESSION "test skipped: ")
endforeach()
