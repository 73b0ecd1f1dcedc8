// SPDX-License-Identifier: MIT
// std::sort, heaps and binary searches. libstdc++'s <algorithm> also brings the parallel algorithms, which cost each
// program that includes the library twice as much as these; so the header behind it is used where it exists.
#pragma once

#include <cstddef>  // the macros that tell the standard library

#if defined(__GLIBCXX__) && !defined(_GLIBCXX_PARALLEL) && __has_include(<bits/stl_algo.h>)
#include <bits/stl_algo.h>  // IWYU pragma: export
#else
#include <algorithm>  // IWYU pragma: export
#endif
