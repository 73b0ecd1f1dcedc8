# SPDX-License-Identifier: MIT
# Nothing here depends on the processor, so all of it goes under share/: the package config, its version, the pkg-config file.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_DATADIR}/equipoise)

if(NOT CMAKE_VERSION VERSION_LESS 3.24)
  install(TARGETS equipoise EXPORT equipoise FILE_SET HEADERS FILE_SET bridges)
else()
  install(TARGETS equipoise EXPORT equipoise)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/equipoise DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
endif()

# The target needs no other package, so the file of exported targets is the whole config.
install(EXPORT equipoise NAMESPACE equipoise:: FILE equipoise-config.cmake DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/equipoise-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/equipoise-config-version.cmake DESTINATION ${package_dir})

configure_file(cmake/equipoise.pc.in ${PROJECT_BINARY_DIR}/equipoise.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/equipoise.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# For debuggers: `source …/gdb/equipoise.py` in gdb. For `import equipoise;`: the module's source, to be compiled with the
# program's own flags.
install(FILES packaging/gdb/equipoise.py DESTINATION ${package_dir}/gdb)
install(FILES packaging/equipoise.natvis DESTINATION ${package_dir})
install(FILES modules/equipoise.cppm DESTINATION ${package_dir}/modules)
