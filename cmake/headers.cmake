# SPDX-License-Identifier: MIT
# The headers of the target, each of which must compile alone: `cmake --build … --target equipoise_verify_interface_header_sets`.
# Verification is the developer's choice (CMAKE_VERIFY_INTERFACE_HEADER_SETS; every preset makes it) and then part of the default build.
set(include_dir ${PROJECT_SOURCE_DIR}/include)
file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${include_dir}/equipoise/*.hpp)
# Bridges need libraries that may not be there: they are compiled by their own tests.
file(GLOB_RECURSE bridges CONFIGURE_DEPENDS ${include_dir}/equipoise/with/*.hpp)
if(bridges)
  list(REMOVE_ITEM headers ${bridges})
endif()

if(NOT CMAKE_VERSION VERSION_LESS 3.24)
  target_sources(equipoise INTERFACE FILE_SET HEADERS BASE_DIRS ${include_dir} FILES ${headers})
  target_sources(equipoise INTERFACE FILE_SET bridges TYPE HEADERS BASE_DIRS ${include_dir} FILES ${bridges})
  set_target_properties(equipoise PROPERTIES INTERFACE_HEADER_SETS_TO_VERIFY HEADERS)
else()
  # No verified header sets yet: the same check under the same name, one source for each header.
  target_include_directories(equipoise INTERFACE $<BUILD_INTERFACE:${include_dir}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  if(CMAKE_VERIFY_INTERFACE_HEADER_SETS)
    set(sources "")
    foreach(header IN LISTS headers)
      file(RELATIVE_PATH name ${include_dir} ${header})
      set(source ${PROJECT_BINARY_DIR}/headers/${name}.cpp)
      file(CONFIGURE OUTPUT ${source} CONTENT "#include <${name}>\n")
      list(APPEND sources ${source})
    endforeach()
    add_library(equipoise_verify_interface_header_sets OBJECT EXCLUDE_FROM_ALL ${sources})
    target_link_libraries(equipoise_verify_interface_header_sets PRIVATE equipoise)
  endif()
endif()

if(CMAKE_VERIFY_INTERFACE_HEADER_SETS)
  add_custom_target(headers_alone ALL)
  add_dependencies(headers_alone equipoise_verify_interface_header_sets)
endif()

option(EQUIPOISE_MODULE "Build the C++20 module as the target equipoise::module" OFF)
if(EQUIPOISE_MODULE)
  include(${CMAKE_CURRENT_LIST_DIR}/module.cmake)
endif()
