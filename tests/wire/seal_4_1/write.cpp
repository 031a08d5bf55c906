// Writes the files of this folder with SEAL 4.1: objects of each kind, with and without seeds, in each compression. The
// parameters are small and insecure. README.md says how to run it.

#include "seal/seal.h"
#include <fstream>
#include <functional>
#include <string>

using namespace seal;

namespace
{
    std::string folder;

    template <class Object>
    void save(const Object &object, const std::string &name, compr_mode_type mode)
    {
        std::ofstream file(folder + "/" + name + ".bin", std::ios::binary);
        object.save(file, mode);
    }

    template <class Object>
    void save_all(const Object &object, const std::string &name)
    {
        save(object, name + "_none", compr_mode_type::none);
        save(object, name + "_zlib", compr_mode_type::zlib);
        save(object, name + "_zstd", compr_mode_type::zstd);
    }

    // Writes what SEAL's own loader makes of a seeded object.
    template <class Object>
    void save_expanded(const SEALContext &context, const std::string &name)
    {
        std::ifstream file(folder + "/" + name + "_none.bin", std::ios::binary);
        Object object;
        object.load(context, file);
        save(object, name + "_expanded", compr_mode_type::none);
    }
} // namespace

int main(int, char **arguments)
{
    folder = arguments[1];
    EncryptionParameters parameters(scheme_type::bfv);
    parameters.set_poly_modulus_degree(32);
    parameters.set_coeff_modulus(CoeffModulus::Create(32, { 30, 31, 32 }));
    parameters.set_plain_modulus(PlainModulus::Batching(32, 17));
    SEALContext context(parameters, true, sec_level_type::none);

    KeyGenerator generator(context);
    Encryptor encryptor(context, generator.secret_key());
    Evaluator evaluator(context);
    Plaintext plain("7x^3 + 5x^1 + 1");

    Ciphertext fresh;
    encryptor.encrypt_symmetric(plain, fresh);
    save_all(fresh, "ciphertext");
    evaluator.square_inplace(fresh);
    evaluator.mod_switch_to_next_inplace(fresh);
    save_all(fresh, "square");
    save_all(encryptor.encrypt_symmetric(plain), "seeded_ciphertext");
    save_expanded<Ciphertext>(context, "seeded_ciphertext");

    RelinKeys relin_keys;
    generator.create_relin_keys(relin_keys);
    save_all(relin_keys, "relin_keys");
    save_all(generator.create_relin_keys(), "seeded_relin_keys");
    save_expanded<RelinKeys>(context, "seeded_relin_keys");

    std::vector<std::uint32_t> elements{ 3, 63 };
    GaloisKeys galois_keys;
    generator.create_galois_keys(elements, galois_keys);
    save_all(galois_keys, "galois_keys");
    save_all(generator.create_galois_keys(elements), "seeded_galois_keys");
    save_expanded<GaloisKeys>(context, "seeded_galois_keys");
}
