#pragma once

#include "rust/cxx.h"
#include "sealquant/src/ffi/guard.h"
#include "seal/seal.h"
#include <cstdint>
#include <memory>
#include <vector>

namespace sealquant
{
    // What `seal::BatchEncoder` computes, slot for slot, straight from and to Rust's slices: SEAL 4.0.0 takes
    // `std::vector` only, so that going through it costs a copy, and an allocation, for each call.
    class BatchEncoder
    {
    public:
        explicit BatchEncoder(const seal::SEALContext &context);

        std::size_t slot_count() const noexcept
        {
            return places_.size();
        }

        // False, and a zero `destination`, if a value does not fit the plaintext modulus.
        template <typename Value>
        bool encode(rust::Slice<const Value> values, seal::Plaintext &destination) const;

        template <typename Value>
        void decode(const seal::Plaintext &plain, rust::Slice<Value> destination) const;

    private:
        seal::SEALContext context_;
        // Of the context, which `context_` keeps alive.
        const seal::util::NTTTables *tables_;
        std::uint64_t modulus_;
        // Where slot i lies in the transformed polynomial.
        std::vector<std::uint32_t> places_;
    };

    std::unique_ptr<BatchEncoder> batch_encoder_new(const seal::SEALContext &context);
    std::size_t batch_encoder_slot_count(const BatchEncoder &encoder);
    // False, and a zero `destination`, if a value is not in 0..t.
    bool batch_encoder_encode_u64(
        const BatchEncoder &encoder, rust::Slice<const std::uint64_t> values, seal::Plaintext &destination);
    // False, and a zero `destination`, if a value is not in -(t-1)/2..=(t-1)/2.
    bool batch_encoder_encode_i64(
        const BatchEncoder &encoder, rust::Slice<const std::int64_t> values, seal::Plaintext &destination);
    // `destination` holds one value a slot.
    void batch_encoder_decode_u64(
        const BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::uint64_t> destination);
    void batch_encoder_decode_i64(
        const BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::int64_t> destination);
} // namespace sealquant
