# SPDX-License-Identifier: MIT
# equipoise_compile_fail(file.cpp) adds a test that passes if the file does not compile and the compiler's first error has
# every sentence that the file expects, as in `// expect: a keyed policy needs a key`. Users often read only the first error.
if(CMAKE_SCRIPT_MODE_FILE)
  file(STRINGS ${SOURCE} sentences REGEX "^// expect: ")
  if(NOT sentences)
    message(FATAL_ERROR "${SOURCE} has no line `// expect: …`")
  endif()
  separate_arguments(FLAGS)
  execute_process(COMMAND ${COMPILER} ${FLAGS} -std=c++20 -fsyntax-only -I${INCLUDE} ${SOURCE}
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles, and should not")
  endif()
  string(REGEX MATCH "[^\n]*error:[^\n]*" first "${output}")
  foreach(sentence IN LISTS sentences)
    string(REPLACE "// expect: " "" sentence "${sentence}")
    string(FIND "${first}" "${sentence}" position)
    if(position EQUAL -1)
      message(FATAL_ERROR "the compiler does not say `${sentence}` first but `${first}`:\n${output}")
    endif()
  endforeach()
  return()
endif()

set(compile_fail_script ${CMAKE_CURRENT_LIST_FILE})
function(equipoise_compile_fail source)
  cmake_path(GET source STEM name)
  add_test(NAME "compile_fail: ${name}" COMMAND ${CMAKE_COMMAND} -D SOURCE=${source} -D COMPILER=${CMAKE_CXX_COMPILER}
    -D FLAGS=${CMAKE_CXX_FLAGS} -D INCLUDE=${PROJECT_SOURCE_DIR}/include -P ${compile_fail_script})
  set_tests_properties("compile_fail: ${name}" PROPERTIES LABELS compile_fail ENVIRONMENT LC_ALL=C)
endfunction()
