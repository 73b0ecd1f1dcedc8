# SPDX-License-Identifier: MIT
# equipoise_ends(test program argument result text) adds a test that passes if the program ends with that result (a number,
# or CMake's name of a signal) and prints the text. WILL_FAIL would accept any failure.
if(CMAKE_SCRIPT_MODE_FILE)
  execute_process(COMMAND ${PROGRAM} ${ARGUMENT} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result STREQUAL RESULT)
    message(FATAL_ERROR "it ended with `${result}`, not with `${RESULT}`:\n${output}")
  endif()
  string(FIND "${output}" "${TEXT}" position)
  if(position EQUAL -1)
    message(FATAL_ERROR "it does not say `${TEXT}` but:\n${output}")
  endif()
  return()
endif()

set(ends_script ${CMAKE_CURRENT_LIST_FILE})
function(equipoise_ends test program argument result text)
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:${program}> -D ARGUMENT=${argument}
    -D "RESULT=${result}" -D "TEXT=${text}" -P ${ends_script})
  set_tests_properties(${test} PROPERTIES LABELS core TIMEOUT 60)
endfunction()
