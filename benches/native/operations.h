#pragma once

#include <cstddef>
#include <cstdint>

// Objects of SEAL that the caller owns and keeps alive. The order is that of `Operands` in src/lib.rs.
struct SealquantOperands
{
    const void *context;
    void *key_generator;
    const void *encryptor;
    void *decryptor;
    const void *evaluator;
    const void *relin_keys;
    const void *galois_keys;
    const void *plain;
    const void *plain_ntt;
    const void *constant;
    const void *a;
    const void *b;
    const void *product;
    const void *a_ntt;
    void *work;
    void *work_plain;
    const std::uint64_t *values;
    std::size_t value_count;
};

extern "C"
{
    // Null if SEAL refuses.
    void *sealquant_native_new(const SealquantOperands *operands);
    void sealquant_native_delete(void *native);
    // Runs an operation in a loop; false if SEAL refuses.
    bool sealquant_native_run(void *native, std::uint32_t operation, std::uint64_t iterations);
    // What the last `decode` gave: one value a slot.
    const std::uint64_t *sealquant_native_decoded(const void *native);
    // What the last `noise_budget` gave, or how many keys the last `create_relin_keys` made.
    std::uint64_t sealquant_native_count(const void *native);
}
