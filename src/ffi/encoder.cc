#include "sealquant/src/ffi/encoder.h"
#include "seal/util/ntt.h"
#include "seal/util/polyarithsmallmod.h"
#include <algorithm>

namespace sealquant
{
    namespace
    {
        // Each counts the values that fit: an addition with carry, which costs less than remembering a comparison.
        // What it returns for one that does not fit does not matter.
        inline std::uint64_t to_residue(std::uint64_t value, std::uint64_t modulus, std::size_t &fitting)
        {
            fitting += static_cast<std::size_t>(value < modulus);
            return value;
        }

        inline std::uint64_t to_residue(std::int64_t value, std::uint64_t modulus, std::size_t &fitting)
        {
            const auto half = (modulus - 1) >> 1;
            const auto bits = static_cast<std::uint64_t>(value);
            // -half..=half, moved to 0..=2 * half.
            fitting += static_cast<std::size_t>(bits + half <= 2 * half);
            return value < 0 ? modulus + bits : bits;
        }

        inline void from_residue(std::uint64_t residue, std::uint64_t, std::uint64_t &value)
        {
            value = residue;
        }

        inline void from_residue(std::uint64_t residue, std::uint64_t modulus, std::int64_t &value)
        {
            value = static_cast<std::int64_t>(residue > (modulus >> 1) ? residue - modulus : residue);
        }
    } // namespace

    BatchEncoder::BatchEncoder(const seal::SEALContext &context) : context_(context)
    {
        const auto &data = *context_.first_context_data();
        if (!data.qualifiers().using_batching)
        {
            throw std::invalid_argument("encryption parameters are not valid for batching");
        }
        tables_ = data.plain_ntt_tables();
        modulus_ = data.parms().plain_modulus().value();

        // As `seal::BatchEncoder::populate_matrix_reps_index_map`: slot i of the first row is the value at the root
        // to the power of 3^i, that of the second row at the power of -3^i.
        const std::uint64_t slots = data.parms().poly_modulus_degree();
        const int log_slots = seal::util::get_power_of_two(slots);
        const auto row = slots >> 1;
        const auto order = slots << 1;
        places_.resize(slots);
        std::uint64_t power = 1;
        for (std::size_t i = 0; i < row; i++)
        {
            places_[i] = static_cast<std::uint32_t>(seal::util::reverse_bits((power - 1) >> 1, log_slots));
            places_[row + i] =
                static_cast<std::uint32_t>(seal::util::reverse_bits((order - power - 1) >> 1, log_slots));
            power = (power * 3) & (order - 1);
        }
    }

    template <typename Value>
    bool BatchEncoder::encode(rust::Slice<const Value> values, seal::Plaintext &destination) const
    {
        const auto slots = slot_count();
        const auto count = values.size();
        if (count > slots)
        {
            throw std::invalid_argument("values_matrix size is too large");
        }
        // A plaintext in NTT form cannot be resized.
        destination.parms_id() = seal::parms_id_zero;
        destination.resize(slots);

        const auto modulus = modulus_;
        const auto *places = places_.data();
        const auto *source = values.data();
        auto *residues = destination.data();
        std::size_t fitting = 0;
        for (std::size_t i = 0; i < count; i++)
        {
            residues[places[i]] = to_residue(source[i], modulus, fitting);
        }
        for (std::size_t i = count; i < slots; i++)
        {
            residues[places[i]] = 0;
        }
        if (fitting != count)
        {
            destination.set_zero();
            return false;
        }
        seal::util::inverse_ntt_negacyclic_harvey(residues, *tables_);
        return true;
    }

    template <typename Value>
    void BatchEncoder::decode(const seal::Plaintext &plain, rust::Slice<Value> destination) const
    {
        if (!seal::is_valid_for(plain, context_))
        {
            throw std::invalid_argument("plain is not valid for encryption parameters");
        }
        if (plain.is_ntt_form())
        {
            throw std::invalid_argument("plain cannot be in NTT form");
        }
        const auto slots = slot_count();
        if (destination.size() != slots)
        {
            throw std::invalid_argument("destination does not hold one value a slot");
        }
        const auto count = std::min(plain.coeff_count(), slots);
        auto residues(seal::util::allocate_uint(slots, seal::MemoryManager::GetPool()));
        std::copy_n(plain.data(), count, residues.get());
        std::fill(residues.get() + count, residues.get() + slots, 0);
        seal::util::ntt_negacyclic_harvey(residues.get(), *tables_);

        const auto modulus = modulus_;
        const auto *places = places_.data();
        const auto *source = residues.get();
        auto *values = destination.data();
        // `Slice::size` is a call into Rust: not in the loop.
        for (std::size_t i = 0; i < slots; i++)
        {
            from_residue(source[places[i]], modulus, values[i]);
        }
    }

    std::unique_ptr<BatchEncoder> batch_encoder_new(const seal::SEALContext &context)
    {
        return std::make_unique<BatchEncoder>(context);
    }

    std::size_t batch_encoder_slot_count(const BatchEncoder &encoder)
    {
        return encoder.slot_count();
    }

    bool batch_encoder_encode_u64(
        const BatchEncoder &encoder, rust::Slice<const std::uint64_t> values, seal::Plaintext &destination)
    {
        return encoder.encode(values, destination);
    }

    bool batch_encoder_encode_i64(
        const BatchEncoder &encoder, rust::Slice<const std::int64_t> values, seal::Plaintext &destination)
    {
        return encoder.encode(values, destination);
    }

    void batch_encoder_decode_u64(
        const BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::uint64_t> destination)
    {
        encoder.decode(plain, destination);
    }

    void batch_encoder_decode_i64(
        const BatchEncoder &encoder, const seal::Plaintext &plain, rust::Slice<std::int64_t> destination)
    {
        encoder.decode(plain, destination);
    }
} // namespace sealquant
