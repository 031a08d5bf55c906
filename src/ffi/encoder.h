#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <cstdint>
#include <memory>

namespace sealquant
{
    std::unique_ptr<seal::BatchEncoder> batch_encoder_new(const seal::SEALContext &context);
    std::size_t batch_encoder_slot_count(const seal::BatchEncoder &encoder);
    void batch_encoder_encode_u64(
        const seal::BatchEncoder &encoder, rust::Slice<const std::uint64_t> values, seal::Plaintext &destination);
    void batch_encoder_encode_i64(
        const seal::BatchEncoder &encoder, rust::Slice<const std::int64_t> values, seal::Plaintext &destination);
    // `destination` holds one value a slot.
    void batch_encoder_decode_u64(
        const seal::BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::uint64_t> destination);
    void batch_encoder_decode_i64(
        const seal::BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::int64_t> destination);
} // namespace sealquant
