// The main function of Catch2 2.13, for builds that cannot use the one that comes with the platform: another
// standard library, or no exceptions.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
