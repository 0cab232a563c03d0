// Prints tests/golden/sampling.json: what llama.cpp's samplers choose, for fixed logits and seeds.
//
//     LLAMA=path/to/llama.cpp                      # commit 0c1e57098bba43ac29e6e3b677cdceebdd22334f, built into build/
//     g++ -O2 -std=c++17 -I$LLAMA/include -I$LLAMA/ggml/include sampling.cpp \
//         -L$LLAMA/build/bin -lllama -lggml-base -Wl,-rpath,$LLAMA/build/bin -o sampling
//     ./sampling > sampling.json
//
// The logits come from a linear congruential generator in exact arithmetic, so both sides compute the same floats.
#include "llama.h"

#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

struct Case {
    float    temp;
    int      top_k;
    float    top_p;
    float    min_p;
    uint32_t seed;
};

static const int N_VOCAB = 1000;
static const int N_DRAWS = 40;

int main() {
    printf("{\n  \"source\": \"llama.cpp 0c1e57098bba43ac29e6e3b677cdceebdd22334f, tests/golden/sampling.cpp\",\n");
    printf("  \"n_vocab\": %d,\n  \"uniform\": [\n", N_VOCAB);
    const uint32_t seeds[] = {0, 42, 4242, 0xfffffffe};
    for (int i = 0; i < 4; ++i) {
        std::mt19937 rng(seeds[i]);
        std::uniform_real_distribution<double> dist(0.0f, 1.0f);
        printf("    {\"seed\": %u, \"values\": [", seeds[i]);
        for (int j = 0; j < 5; ++j) printf("%s\"%.17g\"", j ? ", " : "", dist(rng));
        printf("]}%s\n", i < 3 ? "," : "");
    }
    printf("  ],\n  \"chains\": [\n");
    const std::vector<Case> cases = {
        {0.8f, 40, 0.95f, 0.05f, 42},   {0.8f, 40, 0.95f, 0.05f, 0}, {1.0f, 0, 1.0f, 0.0f, 7},   {2.0f, 0, 1.0f, 0.0f, 4242},
        {1.5f, 5, 1.0f, 0.0f, 1},       {1.0f, 0, 0.9f, 0.0f, 2},    {1.0f, 0, 0.5f, 0.0f, 3},   {3.0f, 0, 1.0f, 0.2f, 4},
        {0.3f, 100, 0.99f, 0.01f, 5},   {5.0f, 3, 0.8f, 0.3f, 6},    {0.0f, 40, 0.95f, 0.05f, 8}, {1e-40f, 0, 1.0f, 0.0f, 9},
    };
    for (size_t c = 0; c < cases.size(); ++c) {
        const Case & k = cases[c];
        llama_sampler * chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
        llama_sampler_chain_add(chain, llama_sampler_init_top_k(k.top_k));
        llama_sampler_chain_add(chain, llama_sampler_init_top_p(k.top_p, 0));
        llama_sampler_chain_add(chain, llama_sampler_init_min_p(k.min_p, 0));
        llama_sampler_chain_add(chain, llama_sampler_init_temp(k.temp < 1e-30f ? 0.0f : k.temp));
        llama_sampler_chain_add(chain, llama_sampler_init_dist(k.seed));
        printf("    {\"temperature\": %.9g, \"top_k\": %d, \"top_p\": %.9g, \"min_p\": %.9g, \"seed\": %u, \"tokens\": [", k.temp,
               k.top_k, k.top_p, k.min_p, k.seed);
        uint32_t lcg = k.seed;
        for (int draw = 0; draw < N_DRAWS; ++draw) {
            std::vector<llama_token_data> list(N_VOCAB);
            for (int id = 0; id < N_VOCAB; ++id) {
                lcg      = lcg * 1664525u + 1013904223u;
                list[id] = {id, (float) (lcg >> 8) / 16777216.0f * 16.0f - 8.0f, 0.0f};
            }
            llama_token_data_array array = {list.data(), list.size(), -1, false};
            llama_sampler_apply(chain, &array);
            printf("%s%d", draw ? ", " : "", array.data[array.selected].id);
        }
        printf("]}%s\n", c + 1 < cases.size() ? "," : "");
        llama_sampler_free(chain);
    }
    printf("  ]\n}\n");
}
