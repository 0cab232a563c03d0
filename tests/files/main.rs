//! What is read and stored: GGUF files, block formats, tensors, vocabularies, models, the KV cache.
//!
//! One program for all of them: each file alone would compile and link the library again.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/json_schema.rs"]
mod json_schema;

mod gguf_laws;
mod gguf_rejects;
mod kv_cache_laws;
mod model_load;
mod model_real;
mod model_rejects_keys;
mod model_rejects_tensors;
mod quant_golden;
mod quant_laws;
mod record_schema;
mod tensor_laws;
mod tokenizer_golden;
