#include "network.h"
#include "seal/seal.h"
#include <ctime>
#include <map>
#include <vector>

using namespace seal;

namespace
{
    template <typename Object>
    const Object &as(const void *object)
    {
        return *static_cast<const Object *>(object);
    }

    std::vector<Ciphertext> sums(
        const Evaluator &evaluator, const SealquantLayer &layer, const std::vector<const Ciphertext *> &inputs)
    {
        std::map<std::uint64_t, Plaintext> constants;
        auto magnitude = [](std::int64_t weight) { return std::uint64_t(weight < 0 ? -weight : weight); };
        for (std::size_t i = 0; i < layer.starts[layer.outputs]; i++)
        {
            std::uint64_t value = magnitude(layer.weights[i]);
            if (value > 1 && !constants.count(value))
            {
                Plaintext constant(1);
                constant[0] = value;
                constants.emplace(value, std::move(constant));
            }
        }
        std::vector<Ciphertext> outputs;
        outputs.reserve(layer.outputs);
        Ciphertext product;
        for (std::size_t o = 0; o < layer.outputs; o++)
        {
            Ciphertext total;
            bool first = true;
            for (std::size_t i = layer.starts[o]; i < layer.starts[o + 1]; i++)
            {
                const Ciphertext &input = *inputs[layer.inputs[i]];
                std::int64_t weight = layer.weights[i];
                bool scaled = magnitude(weight) > 1;
                if (first)
                {
                    total = input;
                    if (scaled)
                    {
                        evaluator.multiply_plain_inplace(total, constants.at(magnitude(weight)));
                    }
                    if (weight < 0)
                    {
                        evaluator.negate_inplace(total);
                    }
                    first = false;
                    continue;
                }
                const Ciphertext *summand = &input;
                if (scaled)
                {
                    product = input;
                    evaluator.multiply_plain_inplace(product, constants.at(magnitude(weight)));
                    summand = &product;
                }
                if (weight > 0)
                {
                    evaluator.add_inplace(total, *summand);
                }
                else
                {
                    evaluator.sub_inplace(total, *summand);
                }
            }
            if (layer.biases[o])
            {
                Plaintext bias(1);
                bias[0] = layer.biases[o];
                evaluator.add_plain_inplace(total, bias);
            }
            outputs.push_back(std::move(total));
        }
        return outputs;
    }

    void stock(
        const SEALContext &context, const RelinKeys *relin_keys, const SealquantLayer *layers, std::size_t layer_count,
        std::vector<const Ciphertext *> inputs, std::size_t response_primes, void *const *response,
        std::size_t response_count)
    {
        Evaluator evaluator(context);
        std::vector<Ciphertext> values;
        for (std::size_t l = 0; l < layer_count; l++)
        {
            const SealquantLayer &layer = layers[l];
            if (layer.kind == 0)
            {
                values = sums(evaluator, layer, inputs);
            }
            else
            {
                for (Ciphertext &value : values)
                {
                    evaluator.square_inplace(value);
                    if (layer.kind == 2)
                    {
                        evaluator.relinearize_inplace(value, *relin_keys);
                    }
                }
            }
            inputs.clear();
            for (const Ciphertext &value : values)
            {
                inputs.push_back(&value);
            }
        }
        if (values.size() != response_count)
        {
            throw std::invalid_argument("another number of outputs");
        }
        for (std::size_t i = 0; i < values.size(); i++)
        {
            while (values[i].coeff_modulus_size() > response_primes)
            {
                evaluator.mod_switch_to_next_inplace(values[i]);
            }
            *static_cast<Ciphertext *>(response[i]) = std::move(values[i]);
        }
    }

    // The authors' schedule.
    class Paper
    {
    public:
        Paper(const SEALContext &context, const RelinKeys &relin_keys, const GaloisKeys &galois_keys)
            : evaluator(context), encoder(context), relin_keys(relin_keys), galois_keys(galois_keys)
        {}

        std::vector<Ciphertext> layer(
            const SealquantPaperLayer &layer, const std::vector<const Ciphertext *> &inputs) const
        {
            std::vector<Ciphertext> outputs;
            for (std::size_t o = 0; layer.kind != 2 && o < layer.units; o++)
            {
                outputs.push_back(layer.kind == 0 ? convolve(layer, o, inputs) : square(*inputs[o]));
            }
            if (layer.kind == 2)
            {
                outputs.push_back(linear(layer, inputs));
            }
            std::size_t width = layer.kind == 2 ? 1 : layer.all_units;
            while (outputs.size() < width)
            {
                outputs.push_back(outputs[outputs.size() % layer.units]);
            }
            return outputs;
        }

    private:
        Ciphertext convolve(
            const SealquantPaperLayer &layer, std::size_t output, const std::vector<const Ciphertext *> &inputs) const
        {
            Ciphertext total = zero(*inputs[0]);
            Ciphertext term;
            for (std::size_t i = layer.starts[output]; i < layer.starts[output + 1]; i++)
            {
                std::int64_t weight = layer.weights[i];
                term = *inputs[layer.inputs[i]];
                rotate(term, layer.rotations[i]);
                Plaintext factor;
                std::vector<std::uint64_t> repeated(
                    encoder.slot_count(), std::uint64_t(weight < 0 ? -weight : weight));
                encoder.encode(repeated, factor);
                evaluator.multiply_plain_inplace(term, factor);
                if (weight > 0)
                {
                    evaluator.add_inplace(total, term);
                }
                else
                {
                    evaluator.sub_inplace(total, term);
                }
            }
            add_bias(total, std::vector<std::uint64_t>(encoder.slot_count(), layer.biases[output]));
            return total;
        }

        Ciphertext square(const Ciphertext &input) const
        {
            Ciphertext value = input;
            evaluator.square_inplace(value);
            evaluator.relinearize_inplace(value, relin_keys);
            return value;
        }

        Ciphertext linear(const SealquantPaperLayer &layer, const std::vector<const Ciphertext *> &inputs) const
        {
            Ciphertext total = zero(*inputs[0]);
            Ciphertext term;
            std::vector<std::uint64_t> repeated(encoder.slot_count());
            for (std::size_t c = 0; c < layer.units; c++)
            {
                for (std::size_t d = layer.starts[c]; d < layer.starts[c + 1]; d++)
                {
                    term = *inputs[c];
                    rotate(term, layer.rotations[d]);
                    const std::uint64_t *factors = layer.factors + d * layer.period;
                    for (std::size_t slot = 0; slot < repeated.size(); slot++)
                    {
                        repeated[slot] = factors[slot % layer.period];
                    }
                    Plaintext factor;
                    encoder.encode(repeated, factor);
                    if (!factor.is_zero())
                    {
                        evaluator.multiply_plain_inplace(term, factor);
                        evaluator.add_inplace(total, term);
                    }
                }
            }
            for (std::size_t fold = layer.rows; fold < layer.period; fold *= 2)
            {
                term = total;
                rotate(term, fold);
                evaluator.add_inplace(total, term);
            }
            for (std::size_t slot = 0; slot < repeated.size(); slot++)
            {
                repeated[slot] = layer.biases[slot % layer.rows];
            }
            add_bias(total, repeated);
            return total;
        }

        // SEAL computes this, then throws since it is transparent.
        Ciphertext zero(const Ciphertext &like) const
        {
            Ciphertext zero = like;
            try
            {
                evaluator.sub_inplace(zero, like);
            }
            catch (const std::logic_error &)
            {}
            return zero;
        }

        void rotate(Ciphertext &value, std::size_t slots) const
        {
            if (slots)
            {
                evaluator.rotate_rows_inplace(value, int(slots), galois_keys);
            }
        }

        void add_bias(Ciphertext &total, const std::vector<std::uint64_t> &slots) const
        {
            Plaintext bias;
            encoder.encode(slots, bias);
            if (!bias.is_zero())
            {
                evaluator.add_plain_inplace(total, bias);
            }
        }

        Evaluator evaluator;
        BatchEncoder encoder;
        const RelinKeys &relin_keys;
        const GaloisKeys &galois_keys;
    };

    std::vector<const Ciphertext *> ciphertexts(const void *const *objects, std::size_t count)
    {
        std::vector<const Ciphertext *> inputs;
        for (std::size_t i = 0; i < count; i++)
        {
            inputs.push_back(&as<Ciphertext>(objects[i]));
        }
        return inputs;
    }
} // namespace

std::uint64_t sealquant_native_thread_nanoseconds()
{
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::uint64_t(time.tv_sec) * 1000000000u + std::uint64_t(time.tv_nsec);
}

bool sealquant_native_stock(
    const void *context, const void *relin_keys, const SealquantLayer *layers, std::size_t layer_count,
    const void *const *request, std::size_t request_count, std::size_t response_primes, void *const *response,
    std::size_t response_count)
{
    try
    {
        stock(
            as<SEALContext>(context), static_cast<const RelinKeys *>(relin_keys), layers, layer_count,
            ciphertexts(request, request_count), response_primes, response, response_count);
        return true;
    }
    catch (...)
    {
        return false;
    }
}

bool sealquant_native_paper(
    const void *context, const void *relin_keys, const void *galois_keys, const SealquantPaperLayer *layers,
    std::size_t layer_count, const void *const *request, std::size_t request_count, void *response)
{
    try
    {
        Paper paper(as<SEALContext>(context), as<RelinKeys>(relin_keys), as<GaloisKeys>(galois_keys));
        std::vector<const Ciphertext *> inputs = ciphertexts(request, request_count);
        std::vector<Ciphertext> values;
        for (std::size_t l = 0; l < layer_count; l++)
        {
            std::vector<Ciphertext> outputs = paper.layer(layers[l], inputs);
            values = std::move(outputs);
            inputs.clear();
            for (const Ciphertext &value : values)
            {
                inputs.push_back(&value);
            }
        }
        *static_cast<Ciphertext *>(response) = std::move(values.at(0));
        return true;
    }
    catch (...)
    {
        return false;
    }
}
