# SPDX-License-Identifier: MIT
# An overlay port: `vcpkg install equipoise --overlay-ports=packaging/vcpkg`.
# The hash is that of the release's archive; it is written here when the release is made.
vcpkg_from_github(
  OUT_SOURCE_PATH SOURCE_PATH
  REPO equipoise/equipoise
  REF "v${VERSION}"
  SHA512 0
)
set(VCPKG_BUILD_TYPE release) # headers only: there is no debug half
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS -DEQUIPOISE_BUILD_TESTS=OFF -DEQUIPOISE_BUILD_BENCHES=OFF -DEQUIPOISE_BUILD_EXAMPLES=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/equipoise)
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
