// The BLAKE3 hash of bytes in memory, 32 bytes in hexadecimal, which names keys on the server. Plain code without vector
// instructions: some hundred MB a second.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace blake3
{
    using Words8 = std::array<std::uint32_t, 8>;
    using Words16 = std::array<std::uint32_t, 16>;

    constexpr Words8 START{ 0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                            0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19 };
    constexpr std::uint32_t CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8;
    constexpr std::size_t BLOCK = 64, CHUNK = 1024;

    inline std::uint32_t rotate(std::uint32_t word, int count)
    {
        return (word >> count) | (word << (32 - count));
    }

    inline void quarter(Words16 &v, int a, int b, int c, int d, std::uint32_t x, std::uint32_t y)
    {
        v[a] += v[b] + x;
        v[d] = rotate(v[d] ^ v[a], 16);
        v[c] += v[d];
        v[b] = rotate(v[b] ^ v[c], 12);
        v[a] += v[b] + y;
        v[d] = rotate(v[d] ^ v[a], 8);
        v[c] += v[d];
        v[b] = rotate(v[b] ^ v[c], 7);
    }

    inline Words8 compress(
        const Words8 &value, Words16 message, std::uint64_t counter, std::uint32_t length, std::uint32_t flags)
    {
        constexpr int ORDER[16]{ 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 };
        Words16 v;
        std::copy(value.begin(), value.end(), v.begin());
        std::copy(START.begin(), START.begin() + 4, v.begin() + 8);
        v[12] = static_cast<std::uint32_t>(counter);
        v[13] = static_cast<std::uint32_t>(counter >> 32);
        v[14] = length;
        v[15] = flags;
        for (int round = 0; round < 7; round++)
        {
            for (int i = 0; i < 4; i++)
            {
                quarter(v, i, i + 4, i + 8, i + 12, message[2 * i], message[2 * i + 1]);
            }
            for (int i = 0; i < 4; i++)
            {
                quarter(
                    v, i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12, message[2 * i + 8],
                    message[2 * i + 9]);
            }
            Words16 next;
            for (int i = 0; i < 16; i++)
            {
                next[i] = message[ORDER[i]];
            }
            message = next;
        }
        Words8 result;
        for (int i = 0; i < 8; i++)
        {
            result[i] = v[i] ^ v[i + 8];
        }
        return result;
    }

    // The value of chunk `number`; `flags` are those of the root if it is the only one.
    inline Words8 chunk(const std::uint8_t *bytes, std::size_t length, std::uint64_t number, std::uint32_t flags)
    {
        Words8 value = START;
        std::size_t start = 0;
        do
        {
            std::size_t count = std::min(BLOCK, length - start);
            Words16 message{};
            for (std::size_t i = 0; i < count; i++)
            {
                message[i / 4] |= static_cast<std::uint32_t>(bytes[start + i]) << 8 * (i % 4);
            }
            bool last = start + count == length;
            std::uint32_t now = (start == 0 ? CHUNK_START : 0) | (last ? CHUNK_END | flags : 0);
            value = compress(value, message, number, static_cast<std::uint32_t>(count), now);
            start += count;
        } while (start < length);
        return value;
    }

    inline Words8 parent(const Words8 &left, const Words8 &right, std::uint32_t flags)
    {
        Words16 message;
        std::copy(left.begin(), left.end(), message.begin());
        std::copy(right.begin(), right.end(), message.begin() + 8);
        return compress(START, message, 0, BLOCK, PARENT | flags);
    }

    inline std::string hash(const std::string &text)
    {
        auto bytes = reinterpret_cast<const std::uint8_t *>(text.data());
        std::size_t chunks = std::max<std::size_t>(1, (text.size() + CHUNK - 1) / CHUNK);
        // The roots of complete subtrees, from the left.
        std::vector<Words8> stack;
        for (std::size_t number = 0; number + 1 < chunks; number++)
        {
            Words8 value = chunk(bytes + number * CHUNK, CHUNK, number, 0);
            for (std::size_t left = number + 1; left % 2 == 0; left /= 2)
            {
                value = parent(stack.back(), value, 0);
                stack.pop_back();
            }
            stack.push_back(value);
        }
        std::size_t done = (chunks - 1) * CHUNK;
        Words8 value = chunk(bytes + done, text.size() - done, chunks - 1, stack.empty() ? ROOT : 0);
        while (!stack.empty())
        {
            Words8 left = stack.back();
            stack.pop_back();
            value = parent(left, value, stack.empty() ? ROOT : 0);
        }
        std::string digits;
        for (std::uint32_t word : value)
        {
            for (int i = 0; i < 4; i++, word >>= 8)
            {
                digits += "0123456789abcdef"[word >> 4 & 15];
                digits += "0123456789abcdef"[word & 15];
            }
        }
        return digits;
    }
} // namespace blake3
