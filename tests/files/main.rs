//! What is read and stored: GGUF files, block formats, tensors, vocabularies, models, the KV cache.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/mod.rs"]
mod common;

mod gguf_laws;
mod gguf_rejects;
mod kv_cache_laws;
mod model_load;
mod model_real;
mod model_rejects_keys;
mod model_rejects_tensors;
mod quant_golden;
mod quant_laws;
mod tensor_laws;
mod tokenizer_golden;
