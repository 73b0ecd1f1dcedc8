// SPDX-License-Identifier: MIT
// std::shared_ptr without the rest of <memory>. See platform.hpp for the reason.
#pragma once

#include <equipoise/core/platform.hpp>

#if defined(__GLIBCXX__) && __has_include(<bits/shared_ptr.h>)
#include <bits/shared_ptr.h>  // IWYU pragma: export
#else
#include <memory>  // IWYU pragma: export
#endif
