// Classifies a picture with a service, with nothing but SEAL: classify URL PICTURE.pgm
//
// The picture (PGM, binary, of the size that the network takes) is encrypted here, and only here is the secret key. Prints
// the class and all logits.

#include "blake3.hpp"
#include "http.hpp"
#include "seal/seal.h"
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace seal;
using nlohmann::json;

const std::string SEAL_OBJECTS = "Content-Type: application/vnd.seal\r\n";

// What `client.json` says of the deployment.
struct Specification
{
    std::size_t degree;
    std::vector<Modulus> primes;
    std::vector<std::uint64_t> plain_primes, corrections;
    json all;

    explicit Specification(const json &spec)
        : degree(spec["poly_modulus_degree"]), plain_primes(spec["plain_moduli"]),
          corrections(spec["corrections"]), all(spec)
    {
        for (std::uint64_t prime : spec["coeff_modulus"])
        {
            primes.emplace_back(prime);
        }
    }

    SEALContext context(std::uint64_t plain_modulus) const
    {
        EncryptionParameters parameters(scheme_type::bfv);
        parameters.set_poly_modulus_degree(degree);
        parameters.set_coeff_modulus(primes);
        parameters.set_plain_modulus(plain_modulus);
        return SEALContext(parameters);
    }
};

std::string read_file(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    if (!file)
    {
        throw std::runtime_error("cannot read " + path);
    }
    return { std::istreambuf_iterator<char>(file), {} };
}

// Reads a picture's pixels, row by row.
std::string pixels_of(const std::string &path)
{
    std::istringstream file(read_file(path));
    std::string magic;
    std::size_t width = 0, height = 0, white = 0;
    file >> magic >> width >> height >> white;
    file.get();
    std::string pixels{ std::istreambuf_iterator<char>(file), {} };
    if (magic != "P5" || white != 255 || pixels.size() != width * height)
    {
        throw std::runtime_error(path + " is no binary PGM file of 8 bits");
    }
    return pixels;
}

// Converts pixels to the integers that the network reads: the number of thresholds that a pixel reaches.
std::vector<std::int64_t> quantize(const json &input, const std::string &pixels)
{
    if (!input["quantizer"].contains("thresholds"))
    {
        throw std::runtime_error("this client knows quantisers with thresholds only");
    }
    std::vector<int> thresholds = input["quantizer"]["thresholds"];
    std::size_t size = 1;
    for (std::size_t side : input["shape"])
    {
        size *= side;
    }
    if (pixels.size() != size)
    {
        throw std::runtime_error("the network takes pictures of " + std::to_string(size) + " pixels");
    }
    std::vector<std::int64_t> values;
    for (unsigned char pixel : pixels)
    {
        values.push_back(std::count_if(
            thresholds.begin(), thresholds.end(), [&](int threshold) { return pixel >= threshold; }));
    }
    return values;
}

// Puts an image into the slots of a ciphertext, as the first image of a batch.
std::vector<std::uint64_t> slots_of(
    const json &map, const json &runs, const std::vector<std::int64_t> &image, std::size_t degree)
{
    // [count] are empty slots, [count, first, step] hold the values first, first + step and so on.
    std::vector<std::uint64_t> values;
    for (const json &run : runs)
    {
        for (std::int64_t i = 0; i < run[0].get<std::int64_t>(); i++)
        {
            bool empty = run.size() == 1;
            values.push_back(empty ? 0 : image[run[1].get<std::int64_t>() + i * run[2].get<std::int64_t>()]);
        }
    }
    // They repeat over the image's slots.
    std::vector<std::uint64_t> slots(degree);
    for (std::size_t slot = 0; slot < map["image_slots"].get<std::size_t>(); slot++)
    {
        slots[slot] = values[slot % values.size()];
    }
    return slots;
}

// Sums the slots of each logit of the first image, modulo t.
std::vector<std::uint64_t> logits_of(
    const json &map, const std::vector<std::vector<std::uint64_t>> &outputs, std::uint64_t t)
{
    std::size_t logit_slots = map["logit_slots"], slots = map["slots"];
    std::size_t in_one = map["image_slots"].get<std::size_t>() / logit_slots;
    std::vector<std::uint64_t> logits;
    for (std::size_t logit = 0; logit < map["logits"].get<std::size_t>(); logit++)
    {
        std::size_t at = logit % in_one, first = at * logit_slots, end = first + logit_slots;
        std::size_t block = logit_slots, period = slots;
        if (map.contains("classes"))
        {
            block = map["classes"][0];
            period = map["classes"][1];
            std::size_t in_row = period / block, row = at / in_row * (slots / 2);
            first = row + at % in_row * block;
            end = row + slots / 2;
        }
        std::uint64_t sum = 0;
        for (; first < end; first += period)
        {
            for (std::size_t slot = first; slot < first + block; slot++)
            {
                sum = (sum + outputs[logit / in_one][slot]) % t;
            }
        }
        logits.push_back(sum);
    }
    return logits;
}

std::uint64_t multiply(std::uint64_t a, std::uint64_t b, std::uint64_t modulus)
{
    return static_cast<std::uint64_t>(static_cast<unsigned __int128>(a) * b % modulus);
}

// Joins residues by the Chinese remainder theorem: the integer of least magnitude. The product of the primes must fit 126
// bits.
__int128 join(const std::vector<std::uint64_t> &residues, const std::vector<std::uint64_t> &primes)
{
    __int128 value = 0, product = 1;
    for (std::size_t i = 0; i < primes.size(); i++)
    {
        // value + product * digit = residue modulo the next prime.
        std::uint64_t p = primes[i];
        std::uint64_t scale = static_cast<std::uint64_t>(product % p), inverse = 1;
        for (std::uint64_t exponent = p - 2; exponent > 0; exponent /= 2)
        {
            inverse = exponent % 2 ? multiply(inverse, scale, p) : inverse;
            scale = multiply(scale, scale, p);
        }
        std::uint64_t rest = (residues[i] + p - static_cast<std::uint64_t>(value % p)) % p;
        value += product * multiply(rest, inverse, p);
        product *= p;
    }
    return value > product / 2 ? value - product : value;
}

void expect(const Answer &answer, int status)
{
    if (answer.status != status)
    {
        throw std::runtime_error("the service answers " + std::to_string(answer.status) + ": " + answer.body);
    }
}

template <class Object>
void append(std::string &bytes, const Object &object)
{
    std::ostringstream stream;
    object.save(stream);
    bytes += stream.str();
}

// Uploads keys, unless they are there. Returns the header that names them.
std::string send_keys(const std::string &url, const json &spec, KeyGenerator &generator)
{
    std::string keys;
    if (spec["relin_keys"])
    {
        append(keys, generator.create_relin_keys());
    }
    std::vector<std::uint32_t> elements = spec["galois_elements"];
    if (!elements.empty())
    {
        append(keys, generator.create_galois_keys(elements));
    }
    if (keys.empty())
    {
        return "";
    }
    std::string hash = blake3::hash(keys);
    expect(call(url, "PUT", "/v1/keys/" + hash, SEAL_OBJECTS, keys), 201);
    return "Sealquant-Key: " + hash + "\r\n";
}

int classify(const std::string &url, const std::string &picture)
{
    Answer listed = call(url, "GET", "/v1/deployments");
    expect(listed, 200);
    std::string path = "/v1/deployments/" + json::parse(listed.body)["deployments"][0]["id"].get<std::string>();
    Answer described = call(url, "GET", path + "/client");
    expect(described, 200);
    json client = json::parse(described.body);
    Specification spec(client["spec"]);
    if (spec.all["shared_upload"])
    {
        // One would join the plaintexts modulo all plain primes, and encrypt them modulo the product.
        throw std::runtime_error("this client encrypts for each plain prime, and the deployment takes one upload for all");
    }
    std::vector<std::int64_t> image = quantize(spec.all["input"], pixels_of(picture));

    // One secret key for all plain primes: only the name of its parameters differs.
    std::unique_ptr<KeyGenerator> generator;
    std::vector<SEALContext> contexts;
    std::vector<SecretKey> secrets;
    for (std::uint64_t t : spec.plain_primes)
    {
        contexts.push_back(spec.context(t));
        if (!generator)
        {
            generator = std::make_unique<KeyGenerator>(contexts[0]);
        }
        secrets.push_back(generator->secret_key());
        secrets.back().parms_id() = contexts.back().key_parms_id();
    }

    const json &map = spec.all["slot_map"];
    std::string request;
    for (std::size_t i = 0; i < contexts.size(); i++)
    {
        Encryptor encryptor(contexts[i], secrets[i]);
        BatchEncoder encoder(contexts[i]);
        for (const json &runs : map["inputs"])
        {
            Plaintext plain;
            encoder.encode(slots_of(map, runs, image, spec.degree), plain);
            append(request, encryptor.encrypt_symmetric(plain));
        }
    }

    std::string key = send_keys(url, spec.all, *generator);
    Answer answer = call(url, "POST", path + "/evaluate", SEAL_OBJECTS + key, request);
    expect(answer, 200);

    std::istringstream response(answer.body);
    std::size_t in_one = map["image_slots"].get<std::size_t>() / map["logit_slots"].get<std::size_t>();
    std::size_t count = (map["logits"].get<std::size_t>() + in_one - 1) / in_one;
    std::vector<std::vector<std::uint64_t>> residues;
    for (std::size_t i = 0; i < contexts.size(); i++)
    {
        std::uint64_t t = spec.plain_primes[i];
        Decryptor decryptor(contexts[i], secrets[i]);
        BatchEncoder encoder(contexts[i]);
        std::vector<std::vector<std::uint64_t>> outputs(count);
        for (std::vector<std::uint64_t> &slots : outputs)
        {
            Ciphertext encrypted;
            encrypted.load(contexts[i], response);
            Plaintext plain;
            decryptor.decrypt(encrypted, plain);
            encoder.decode(plain, slots);
            for (std::uint64_t &slot : slots)
            {
                slot = multiply(slot, spec.corrections[i], t);
            }
        }
        residues.push_back(logits_of(map, outputs, t));
    }

    std::vector<long long> logits;
    for (std::size_t logit = 0; logit < residues[0].size(); logit++)
    {
        std::vector<std::uint64_t> of_logit;
        for (const auto &of_prime : residues)
        {
            of_logit.push_back(of_prime[logit]);
        }
        logits.push_back(static_cast<long long>(join(of_logit, spec.plain_primes)));
    }
    std::size_t best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    std::cout << "class: " << client["classes"][best].get<std::string>() << "\nlogits:";
    for (long long logit : logits)
    {
        std::cout << ' ' << logit;
    }
    std::cout << "\nsent " << request.size() << " bytes, received " << answer.body.size() << "\n";
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 3)
    {
        std::cerr << "usage: classify URL PICTURE.pgm\n";
        return 2;
    }
    try
    {
        return classify(arguments[1], arguments[2]);
    }
    catch (const std::exception &error)
    {
        std::cerr << "error: " << error.what() << "\n";
        return 1;
    }
}
