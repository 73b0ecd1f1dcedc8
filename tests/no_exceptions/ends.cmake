# cmake -D PROGRAM=… -D ARGUMENT=… -D RESULT=… -D TEXT=… -P ends.cmake: WILL_FAIL would take any end for the right one.
execute_process(COMMAND ${PROGRAM} ${ARGUMENT} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(NOT result STREQUAL RESULT)
  message(FATAL_ERROR "it ended with `${result}`, not with `${RESULT}`:\n${output}")
endif()
string(FIND "${output}" "${TEXT}" position)
if(position EQUAL -1)
  message(FATAL_ERROR "it does not say `${TEXT}` but:\n${output}")
endif()
