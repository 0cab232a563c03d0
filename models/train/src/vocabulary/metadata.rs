//! The vocabulary as GGUF metadata, as llama.cpp and `cutaway` read it.

use cutaway::gguf::{GgufError, Metadata};
use cutaway::tokenizer::{Tokenizer, TokenizerError};

use super::{BOS, EOS, IM_END, UNK, Vocabulary};

/// ChatML: every message between `<|im_start|>role` and `<|im_end|>`.
pub const CHAT_TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + \
    message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' \
    }}{% endif %}";

impl Vocabulary {
    /// The `tokenizer.*` keys.
    pub fn metadata(&self, metadata: &mut Metadata) -> Result<(), GgufError> {
        metadata.insert("tokenizer.ggml.model", "llama")?;
        metadata.insert("tokenizer.ggml.pre", "default")?;
        let texts: Vec<String> = self.pieces.iter().map(|(text, _, _)| text.clone()).collect();
        let scores: Vec<f32> = self.pieces.iter().map(|(_, score, _)| *score).collect();
        let types: Vec<i32> = self.pieces.iter().map(|(_, _, kind)| *kind as i32).collect();
        metadata.insert("tokenizer.ggml.tokens", texts)?;
        metadata.insert("tokenizer.ggml.scores", scores)?;
        metadata.insert("tokenizer.ggml.token_type", types)?;
        metadata.insert("tokenizer.ggml.bos_token_id", BOS)?;
        metadata.insert("tokenizer.ggml.eos_token_id", EOS)?;
        metadata.insert("tokenizer.ggml.eot_token_id", IM_END)?;
        metadata.insert("tokenizer.ggml.unknown_token_id", UNK)?;
        metadata.insert("tokenizer.ggml.padding_token_id", EOS)?;
        metadata.insert("tokenizer.ggml.add_bos_token", true)?;
        metadata.insert("tokenizer.ggml.add_eos_token", false)?;
        metadata.insert("tokenizer.ggml.add_space_prefix", false)?;
        metadata.insert("tokenizer.chat_template", CHAT_TEMPLATE)
    }

    /// The `general.*` keys that say what a file is and who made it.
    pub fn describe(name: &str, description: &str, metadata: &mut Metadata) -> Result<(), GgufError> {
        metadata.insert("general.architecture", "llama")?;
        metadata.insert("general.type", "model")?;
        metadata.insert("general.name", name)?;
        metadata.insert("general.author", "Cutaway authors")?;
        metadata.insert("general.license", "MIT OR Apache-2.0")?;
        metadata.insert("general.description", description)?;
        metadata.insert("general.languages", ["en"])
    }

    /// The tokenizer that encodes the training data, and will encode the prompts.
    pub fn tokenizer(&self) -> Result<Tokenizer, TokenizerError> {
        let mut metadata = Metadata::new();
        self.metadata(&mut metadata)?;
        Tokenizer::from_metadata(&metadata)
    }
}
