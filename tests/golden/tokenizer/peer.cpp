// Asks llama.cpp how it tokenizes and how it renders chats, for make.py.
//
//   peer tokens VOCAB.gguf ADD_SPECIAL PARSE_SPECIAL < texts, each ended by NUL
//     → for each text a line of ids, and a line with the hex of llama_detokenize(ids, unparse_special = true)
//   peer ends VOCAB.gguf
//     → a line with the ids for which llama_vocab_is_eog
//   peer chat BOS EOS ADD_GENERATION_PROMPT < template NUL (role NUL content NUL)*
//     → the rendered prompt, or "error: …" and exit code 1

#include "chat.h"
#include "llama.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

static std::vector<std::string> read_parts() {
    const std::string all{std::istreambuf_iterator<char>(std::cin), {}};
    std::vector<std::string> parts;
    for (size_t at = 0; at < all.size();) {
        const size_t end = all.find('\0', at);
        parts.push_back(all.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

static int tokens(const char * path, bool add_special, bool parse_special) {
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    llama_model * model = llama_model_load_from_file(path, params);
    if (!model) {
        return 1;
    }
    const llama_vocab * vocab = llama_model_get_vocab(model);
    for (const std::string & text : read_parts()) {
        std::vector<llama_token> ids(4 * text.size() + 16);
        ids.resize(llama_tokenize(vocab, text.data(), text.size(), ids.data(), ids.size(), add_special, parse_special));
        for (llama_token id : ids) {
            printf("%d ", id);
        }
        std::string back(64 * text.size() + 256, '\0');
        back.resize(llama_detokenize(vocab, ids.data(), ids.size(), &back[0], back.size(), false, true));
        printf("\n");
        for (unsigned char byte : back) {
            printf("%02x", byte);
        }
        printf("\n");
    }
    llama_model_free(model);
    return 0;
}

static int ends(const char * path) {
    llama_model_params params = llama_model_default_params();
    params.vocab_only = true;
    llama_model * model = llama_model_load_from_file(path, params);
    if (!model) {
        return 1;
    }
    const llama_vocab * vocab = llama_model_get_vocab(model);
    for (llama_token id = 0; id < llama_vocab_n_tokens(vocab); id++) {
        if (llama_vocab_is_eog(vocab, id)) {
            printf("%d ", id);
        }
    }
    llama_model_free(model);
    return 0;
}

static int chat(const char * bos, const char * eos, bool add_generation_prompt) {
    const auto parts = read_parts();
    try {
        auto templates = common_chat_templates_init(nullptr, parts[0], bos, eos);
        common_chat_templates_inputs inputs;
        inputs.now = std::chrono::system_clock::from_time_t(1735689600);
        inputs.chat_template_kwargs = {{"date_string", "\"01 Jan 2025\""}, {"datetime", "\"Jan 01 2025\""}};
        for (size_t i = 1; i + 1 < parts.size(); i += 2) {
            common_chat_msg message;
            message.role    = parts[i];
            message.content = parts[i + 1];
            inputs.messages.push_back(message);
        }
        inputs.add_generation_prompt = add_generation_prompt;
        std::cout << common_chat_templates_apply(templates.get(), inputs).prompt;
    } catch (const std::exception & error) {
        std::cout << "error: " << error.what();
        return 1;
    }
    return 0;
}

int main(int argc, char ** argv) {
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    const auto flag = [&](int i) { return strcmp(argv[i], "1") == 0; };
    if (argc == 5 && !strcmp(argv[1], "tokens")) {
        return tokens(argv[2], flag(3), flag(4));
    }
    if (argc == 3 && !strcmp(argv[1], "ends")) {
        return ends(argv[2]);
    }
    if (argc == 5 && !strcmp(argv[1], "chat")) {
        return chat(argv[2], argv[3], flag(4));
    }
    return 2;
}
