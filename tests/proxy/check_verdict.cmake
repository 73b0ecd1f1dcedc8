# SPDX-License-Identifier: MIT
# What the runs of the demo share: must(condition), and that the last line of `output`, the exit `code` and `json` agree.
# Sets `last` to that line.
function(must)
  if(NOT (${ARGN}))
    message(FATAL_ERROR "this must be true: ${ARGN}\nexit code ${code}\n${output}\n${json}")
  endif()
endfunction()

string(REGEX REPLACE ".*\n([^\n]+)\n$" "\\1" last "${output}")
if(last MATCHES "^verdict: all promises kept")
  set(expected ON)
  must(code STREQUAL 0)
else()
  set(expected OFF)
  must(code STREQUAL 1)
  must(last MATCHES "^verdict: NOT all promises kept")
endif()

string(JSON kept ERROR_VARIABLE wrong GET "${json}" kept)
must(NOT wrong)
must(kept STREQUAL expected)
