#include "operations.h"
#include "seal/seal.h"
#include <memory>
#include <vector>

namespace
{
    // The order is that of `Operation` in src/lib.rs.
    enum class Operation : std::uint32_t
    {
        encode,
        decode,
        encrypt,
        encrypt_symmetric,
        decrypt,
        copy,
        negate,
        add,
        sub,
        add_plain,
        multiply_plain,
        multiply_plain_ntt,
        multiply_plain_constant,
        multiply,
        square,
        relinearize,
        mod_switch_to_next,
        transform_to_ntt,
        transform_from_ntt,
        rotate_rows,
        rotate_columns,
        apply_galois,
        sub_plain,
        mod_switch_to,
        transform_plain_to_ntt,
        encrypt_zero,
        encrypt_zero_symmetric,
        noise_budget,
        add_many,
        multiply_many,
        exponentiate,
        create_relin_keys,
    };

    template <typename Object>
    const Object &as(const void *object)
    {
        return *static_cast<const Object *>(object);
    }

    struct Native
    {
        explicit Native(const SealquantOperands &operands)
            : relin_keys(as<seal::RelinKeys>(operands.relin_keys)),
              galois_keys(as<seal::GaloisKeys>(operands.galois_keys)), plain(as<seal::Plaintext>(operands.plain)),
              plain_ntt(as<seal::Plaintext>(operands.plain_ntt)), constant(as<seal::Plaintext>(operands.constant)),
              a(as<seal::Ciphertext>(operands.a)), b(as<seal::Ciphertext>(operands.b)),
              product(as<seal::Ciphertext>(operands.product)), a_ntt(as<seal::Ciphertext>(operands.a_ntt)),
              work(*static_cast<seal::Ciphertext *>(operands.work)),
              work_plain(*static_cast<seal::Plaintext *>(operands.work_plain)),
              values(operands.values, operands.values + operands.value_count),
              four{ a, b, a, b }, three{ a, b, a },
              first_parms_id(as<seal::SEALContext>(operands.context).first_parms_id()),
              last_parms_id(as<seal::SEALContext>(operands.context).last_parms_id()),
              encoder(as<seal::SEALContext>(operands.context)),
              key_generator(*static_cast<seal::KeyGenerator *>(operands.key_generator)),
              encryptor(as<seal::Encryptor>(operands.encryptor)),
              decryptor(*static_cast<seal::Decryptor *>(operands.decryptor)),
              evaluator(as<seal::Evaluator>(operands.evaluator)), decoded(encoder.slot_count())
        {}

        void run(Operation operation, std::uint64_t iterations);

        const seal::RelinKeys &relin_keys;
        const seal::GaloisKeys &galois_keys;
        const seal::Plaintext &plain;
        const seal::Plaintext &plain_ntt;
        const seal::Plaintext &constant;
        const seal::Ciphertext &a;
        const seal::Ciphertext &b;
        const seal::Ciphertext &product;
        const seal::Ciphertext &a_ntt;
        seal::Ciphertext &work;
        seal::Plaintext &work_plain;
        std::vector<std::uint64_t> values;
        std::vector<seal::Ciphertext> four;
        std::vector<seal::Ciphertext> three;
        seal::parms_id_type first_parms_id;
        seal::parms_id_type last_parms_id;
        seal::BatchEncoder encoder;
        seal::KeyGenerator &key_generator;
        const seal::Encryptor &encryptor;
        seal::Decryptor &decryptor;
        const seal::Evaluator &evaluator;
        std::vector<std::uint64_t> decoded;
        std::uint64_t count = 0;
    };

    template <typename Call>
    void repeat(std::uint64_t iterations, Call &&call)
    {
        for (std::uint64_t i = 0; i < iterations; i++)
        {
            call();
        }
    }

    void Native::run(Operation operation, std::uint64_t iterations)
    {
        switch (operation)
        {
        case Operation::encode:
            return repeat(iterations, [this] { encoder.encode(values, work_plain); });
        case Operation::decode:
            return repeat(iterations, [this] { encoder.decode(plain, decoded); });
        case Operation::encrypt:
            return repeat(iterations, [this] { encryptor.encrypt(plain, work); });
        case Operation::encrypt_symmetric:
            return repeat(iterations, [this] { encryptor.encrypt_symmetric(plain, work); });
        case Operation::decrypt:
            return repeat(iterations, [this] { decryptor.decrypt(a, work_plain); });
        case Operation::copy:
            return repeat(iterations, [this] { work = a; });
        case Operation::negate:
            return repeat(iterations, [this] { evaluator.negate_inplace(work); });
        case Operation::add:
            return repeat(iterations, [this] { evaluator.add_inplace(work, b); });
        case Operation::sub:
            return repeat(iterations, [this] { evaluator.sub_inplace(work, b); });
        case Operation::add_plain:
            return repeat(iterations, [this] { evaluator.add_plain_inplace(work, plain); });
        case Operation::multiply_plain:
            return repeat(iterations, [this] { evaluator.multiply_plain_inplace(work, plain); });
        case Operation::multiply_plain_ntt:
            return repeat(iterations, [this] { evaluator.multiply_plain_inplace(work, plain_ntt); });
        case Operation::multiply_plain_constant:
            return repeat(iterations, [this] { evaluator.multiply_plain_inplace(work, constant); });
        case Operation::multiply:
            return repeat(iterations, [this] {
                work = a;
                evaluator.multiply_inplace(work, b);
            });
        case Operation::square:
            return repeat(iterations, [this] {
                work = a;
                evaluator.square_inplace(work);
            });
        case Operation::relinearize:
            return repeat(iterations, [this] {
                work = product;
                evaluator.relinearize_inplace(work, relin_keys);
            });
        case Operation::mod_switch_to_next:
            return repeat(iterations, [this] {
                work = a;
                evaluator.mod_switch_to_next_inplace(work);
            });
        case Operation::transform_to_ntt:
            return repeat(iterations, [this] {
                work = a;
                evaluator.transform_to_ntt_inplace(work);
            });
        case Operation::transform_from_ntt:
            return repeat(iterations, [this] {
                work = a_ntt;
                evaluator.transform_from_ntt_inplace(work);
            });
        case Operation::rotate_rows:
            return repeat(iterations, [this] { evaluator.rotate_rows_inplace(work, 1, galois_keys); });
        case Operation::rotate_columns:
            return repeat(iterations, [this] { evaluator.rotate_columns_inplace(work, galois_keys); });
        case Operation::apply_galois:
            return repeat(iterations, [this] { evaluator.apply_galois_inplace(work, 3, galois_keys); });
        case Operation::sub_plain:
            return repeat(iterations, [this] { evaluator.sub_plain_inplace(work, plain); });
        case Operation::mod_switch_to:
            return repeat(iterations, [this] {
                work = a;
                evaluator.mod_switch_to_inplace(work, last_parms_id);
            });
        case Operation::transform_plain_to_ntt:
            return repeat(iterations, [this] {
                work_plain = plain;
                evaluator.transform_to_ntt_inplace(work_plain, first_parms_id);
            });
        case Operation::encrypt_zero:
            return repeat(iterations, [this] { encryptor.encrypt_zero(first_parms_id, work); });
        case Operation::encrypt_zero_symmetric:
            return repeat(iterations, [this] { encryptor.encrypt_zero_symmetric(first_parms_id, work); });
        case Operation::noise_budget:
            return repeat(iterations, [this] { count = std::uint64_t(decryptor.invariant_noise_budget(a)); });
        case Operation::add_many:
            return repeat(iterations, [this] { evaluator.add_many(four, work); });
        case Operation::multiply_many:
            return repeat(iterations, [this] { evaluator.multiply_many(three, relin_keys, work); });
        case Operation::exponentiate:
            return repeat(iterations, [this] { evaluator.exponentiate(a, 4, relin_keys, work); });
        case Operation::create_relin_keys:
            return repeat(iterations, [this] {
                seal::RelinKeys keys;
                key_generator.create_relin_keys(keys);
                count = keys.size();
            });
        }
        throw std::invalid_argument("unknown operation");
    }
} // namespace

void *sealquant_native_new(const SealquantOperands *operands)
{
    try
    {
        return new Native(*operands);
    }
    catch (...)
    {
        return nullptr;
    }
}

void sealquant_native_delete(void *native)
{
    delete static_cast<Native *>(native);
}

bool sealquant_native_run(void *native, std::uint32_t operation, std::uint64_t iterations)
{
    try
    {
        static_cast<Native *>(native)->run(static_cast<Operation>(operation), iterations);
        return true;
    }
    catch (...)
    {
        return false;
    }
}

const std::uint64_t *sealquant_native_decoded(const void *native)
{
    return static_cast<const Native *>(native)->decoded.data();
}

std::uint64_t sealquant_native_count(const void *native)
{
    return static_cast<const Native *>(native)->count;
}
