# SPDX-License-Identifier: MIT
# Conan 2: `conan create . -s compiler.cppstd=20`. Only headers are packaged; nothing is required, so no network is needed.
import re
from pathlib import Path

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.layout import basic_layout


class Equipoise(ConanFile):
    name = "equipoise"
    description = "A header-only C++20 library that decides which backend gets this piece of work"
    license = "MIT"
    topics = ("load-balancing", "consistent-hashing", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    exports_sources = "include/*", "LICENSE"
    no_copy_source = True
    test_package_folder = "packaging/conan/test_package"

    def set_version(self):
        config = Path(self.recipe_folder, "include/equipoise/core/config.hpp").read_text(encoding="utf-8")
        self.version = ".".join(re.findall(r"EQUIPOISE_VERSION_\w+ (\d+)", config))

    def layout(self):
        basic_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def package(self):
        copy(self, "LICENSE", self.source_folder, Path(self.package_folder, "licenses"))
        copy(self, "*.hpp", Path(self.source_folder, "include"), Path(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
