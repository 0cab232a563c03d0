//! An observer may change the values that it is shown, and both paths compute on with the changed values.

use crate::common::{load, relative_rms, some_tokens, tiny_gguf};
use cutaway::batch::{Batch, SeqId};
use cutaway::kv_cache::KvFormat;
use cutaway::observe::{Hook, HookAt, Interests, Observer, Off};
use cutaway::optimized::{Options, Transformer};
use cutaway::{model::Model, naive};

/// Changes one activation.
struct Edit {
    at: HookAt,
    offered: usize,
}

impl Observer for Edit {
    fn interests(&self) -> Interests {
        Interests::EDITS
    }

    fn edit(&mut self, at: HookAt, values: &mut [f32]) -> bool {
        if at != self.at {
            return false;
        }
        self.offered += 1;
        match at.hook {
            Hook::ExpertIndices => values.iter_mut().for_each(|expert| *expert = 3.0 - *expert),
            _ => values.iter_mut().for_each(|x| *x = 0.5 * *x + 0.1),
        }
        true
    }
}

fn logits_of_both(model: &Model, naive_obs: &mut dyn Observer, fast_obs: &mut dyn Observer) -> [Vec<f32>; 2] {
    let batch = Batch::scored(SeqId(0), 0, &some_tokens(5, model.config.n_vocab, 1));
    let mut oracle = naive::Transformer::new(model).unwrap();
    let mut fast = Transformer::new(model, Options { n_threads: 1, ..Options::default() }).unwrap();
    let (mut cache, mut fast_cache) = (oracle.new_cache(KvFormat::F32, 8), fast.new_cache(KvFormat::F32, 8));
    let expected = oracle.forward(&batch, &mut cache, naive_obs).unwrap();
    let found = fast.forward(&batch, &mut fast_cache, fast_obs).unwrap();
    [expected, found].map(|logits| logits.rows().flatten().copied().collect())
}

/// Whether no later operation reads the value, so that it is only shown.
fn is_only_shown(hook: Hook) -> bool {
    hook.template().ends_with("hook_scale") || hook.template().ends_with("hook_normalized")
}

#[test]
fn both_paths_compute_on_with_an_edited_value() {
    for name in ["gemma3-pattern3-f32", "mixtral-f32", "gpt2-f32", "qwen2-f16"] {
        let model = load(&tiny_gguf::named(name));
        let fast = Transformer::new(&model, Options::default()).unwrap();
        let [untouched, _] = logits_of_both(&model, &mut Off, &mut Off);
        for at in fast.hooks().into_iter().filter(|at| at.layer.is_none_or(|layer| layer == 1)) {
            let [mut ours, mut theirs] = [Edit { at, offered: 0 }, Edit { at, offered: 0 }];
            let [expected, found] = logits_of_both(&model, &mut ours, &mut theirs);
            let wanted = usize::from(!is_only_shown(at.hook));
            assert_eq!((ours.offered, theirs.offered), (wanted, wanted), "{name} {at}");
            assert_eq!(expected != untouched, !is_only_shown(at.hook), "{name} {at}: an edit has consequences");
            let oracle: Vec<f64> = expected.iter().map(|&x| f64::from(x)).collect();
            let error = relative_rms(&found, &oracle);
            // f32 sums in another order.
            assert!(error < 2e-5, "{name} {at}: {error:.1e}");
        }
    }
}
