#include "sealquant/src/ffi/encoder.h"
#include <algorithm>

namespace sealquant
{
    namespace
    {
        template <typename Value>
        void encode(const seal::BatchEncoder &encoder, rust::Slice<const Value> values, seal::Plaintext &destination)
        {
            encoder.encode(std::vector<Value>(values.begin(), values.end()), destination);
        }

        template <typename Value>
        void decode(const seal::BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<Value> destination)
        {
            std::vector<Value> values;
            encoder.decode(plain, values);
            if (values.size() != destination.size())
            {
                throw std::invalid_argument("destination does not hold one value a slot");
            }
            std::copy(values.cbegin(), values.cend(), destination.begin());
        }
    } // namespace

    std::unique_ptr<seal::BatchEncoder> batch_encoder_new(const seal::SEALContext &context)
    {
        return std::make_unique<seal::BatchEncoder>(context);
    }

    std::size_t batch_encoder_slot_count(const seal::BatchEncoder &encoder)
    {
        return encoder.slot_count();
    }

    void batch_encoder_encode_u64(
        const seal::BatchEncoder &encoder, rust::Slice<const std::uint64_t> values, seal::Plaintext &destination)
    {
        encode(encoder, values, destination);
    }

    void batch_encoder_encode_i64(
        const seal::BatchEncoder &encoder, rust::Slice<const std::int64_t> values, seal::Plaintext &destination)
    {
        encode(encoder, values, destination);
    }

    void batch_encoder_decode_u64(
        const seal::BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::uint64_t> destination)
    {
        decode(encoder, plain, destination);
    }

    void batch_encoder_decode_i64(
        const seal::BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::int64_t> destination)
    {
        decode(encoder, plain, destination);
    }
} // namespace sealquant
