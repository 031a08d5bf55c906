#pragma once

// Turns a C++ exception into a message whose first character is its kind, for src/seal/error.rs to decode.
// cxx picks this overload up when a bridge includes the header; without it only `what()` would survive.

#include "rust/cxx.h"
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace rust
{
    namespace behavior
    {
        template <typename Try, typename Fail>
        static void trycatch(Try &&attempt, Fail &&fail) noexcept
        {
            const auto report = [&fail](char kind, const char *what) {
                try
                {
                    fail((std::string(1, kind) + what).c_str());
                }
                catch (...)
                {
                    fail("M");
                }
            };
            try
            {
                attempt();
            }
            catch (const std::bad_alloc &)
            {
                fail("M");
            }
            catch (const std::invalid_argument &error)
            {
                const bool missing_key = std::strcmp(error.what(), "Galois key not present") == 0;
                report(missing_key ? 'G' : 'I', error.what());
            }
            catch (const std::out_of_range &error)
            {
                report('R', error.what());
            }
            catch (const std::logic_error &error)
            {
                const bool transparent = std::strcmp(error.what(), "result ciphertext is transparent") == 0;
                report(transparent ? 'T' : 'L', error.what());
            }
            catch (const std::exception &error)
            {
                report('U', error.what());
            }
            catch (...)
            {
                fail("?unknown C++ exception");
            }
        }
    } // namespace behavior
} // namespace rust
