# SPDX-License-Identifier: MIT
# equipoise::module, for programs that say `import equipoise;`: the headers' target, and the module's one source.
if(CMAKE_VERSION VERSION_LESS 3.28)
  message(FATAL_ERROR "equipoise: EQUIPOISE_MODULE needs CMake 3.28 or newer, and this is ${CMAKE_VERSION}")
endif()
add_library(equipoise_module STATIC)
add_library(equipoise::module ALIAS equipoise_module)
target_sources(equipoise_module PUBLIC FILE_SET CXX_MODULES BASE_DIRS ${PROJECT_SOURCE_DIR}/modules
  FILES ${PROJECT_SOURCE_DIR}/modules/equipoise.cppm)
set_target_properties(equipoise_module PROPERTIES CXX_SCAN_FOR_MODULES ON)
# PUBLIC, because a program may include headers in one file and import the module in another one.
target_link_libraries(equipoise_module PUBLIC equipoise)
