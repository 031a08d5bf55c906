#include "sealquant/src/ffi/ntt.h"
#include "seal/util/ntt.h"

namespace sealquant
{
    namespace
    {
        template <typename Transform>
        void each_row(
            const seal::SEALContext &context, std::size_t prime, rust::Slice<std::uint64_t> rows, Transform transform)
        {
            const auto data = context.key_context_data();
            const auto degree = data->parms().poly_modulus_degree();
            if (prime >= data->parms().coeff_modulus().size())
            {
                throw std::invalid_argument("the context has no prime of this index");
            }
            if (rows.size() % degree != 0)
            {
                throw std::invalid_argument("the residues are no whole number of rows");
            }
            const auto &tables = data->small_ntt_tables()[prime];
            for (std::size_t start = 0; start < rows.size(); start += degree)
            {
                transform(rows.data() + start, tables);
            }
        }
    } // namespace

    void ntt_forward(const seal::SEALContext &context, std::size_t prime, rust::Slice<std::uint64_t> rows)
    {
        each_row(context, prime, rows, [](std::uint64_t *row, const seal::util::NTTTables &tables) {
            seal::util::ntt_negacyclic_harvey(row, tables);
        });
    }

    void ntt_inverse(const seal::SEALContext &context, std::size_t prime, rust::Slice<std::uint64_t> rows)
    {
        each_row(context, prime, rows, [](std::uint64_t *row, const seal::util::NTTTables &tables) {
            seal::util::inverse_ntt_negacyclic_harvey(row, tables);
        });
    }
} // namespace sealquant
