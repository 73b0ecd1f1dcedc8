// SPDX-License-Identifier: MIT
// replay FILE_OR_FOLDER...: runs one fuzz target on kept inputs, without libFuzzer. A finding ends the program, and the
// last line before it names the file. The exit code is 2 if there is nothing to replay or a file cannot be read.
#include "fuzz.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

bool replay(std::filesystem::path const& file) {
  std::ifstream in{file, std::ios::binary};
  std::vector<char> const content{std::istreambuf_iterator<char>{in}, {}};
  if (!in) {
    std::fprintf(stderr, "replay: %s cannot be read\n", file.c_str());
    return false;
  }
  std::fprintf(stderr, "replay: %s\n", file.c_str());
  // A copy of the exact size, so that a sanitizer sees a read beyond the end.
  std::vector<std::uint8_t> const exact(content.begin(), content.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  int code = count > 1 ? 0 : 2;
  std::size_t replayed = 0;
  for (int i = 1; i < count; ++i) {
    std::filesystem::path const path{arguments[i]};
    std::error_code ec;
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(path, ec)) {
      for (auto const& entry : std::filesystem::directory_iterator{path, ec})
        if (entry.is_regular_file()) files.push_back(entry.path());
      std::sort(files.begin(), files.end());
    } else if (std::filesystem::is_regular_file(path, ec)) {
      files.push_back(path);
    }
    if (files.empty()) {
      std::fprintf(stderr, "replay: %s has no files\n", path.c_str());
      code = 2;
    }
    for (auto const& file : files) {
      if (!replay(file)) code = 2;
      ++replayed;
    }
  }
  std::fprintf(stderr, "replay: %zu files\n", replayed);
  return code;
}
