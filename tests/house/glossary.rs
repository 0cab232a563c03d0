//! `GLOSSARY.md` has every hook, every operation and every hyper-parameter of a model.
//!
//! A term counts if a row of a table begins with it: `` | `n_embd` | … ``, or with several terms in the first cell.

use cutaway::model::{Config, LayerConfig};
use cutaway::observe::{Hook, Op};

const GLOSSARY: &str = include_str!("../../GLOSSARY.md");

/// The names of all fields of a struct. It does not compile if one is missing.
macro_rules! fields {
    ($type:ident { $($field:ident),* $(,)? }) => {{
        let _complete = |value: &$type| {
            let $type { $($field: _),* } = value;
        };
        [$(stringify!($field)),*]
    }};
}

/// The terms with which no row of a table begins.
fn missing<'a>(glossary: &str, terms: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let first_cells = glossary.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let defined: Vec<&str> = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    terms.into_iter().filter(|term| !defined.contains(term)).collect()
}

fn hooks() -> Vec<String> {
    Hook::ALL.iter().map(|hook| hook.template().replace("{}", "i")).collect()
}

#[test]
fn every_hook_operation_and_hyper_parameter_is_in_the_glossary() {
    let config = fields!(Config {
        architecture,
        name,
        n_vocab,
        n_ctx_train,
        n_ctx,
        n_embd,
        layers,
        norm,
        embedding_scale,
        act_fn,
        logit_softcap,
    });
    let layer =
        fields!(LayerConfig { n_head, n_head_kv, head_dim_k, head_dim_v, n_ff, attn_scale, window, rope, experts });
    assert_eq!(missing(GLOSSARY, hooks().iter().map(String::as_str)), [""; 0]);
    assert_eq!(missing(GLOSSARY, Op::ALL.iter().map(|op| op.name())), [""; 0]);
    assert_eq!(missing(GLOSSARY, config), [""; 0]);
    assert_eq!(missing(GLOSSARY, layer), [""; 0]);
}

#[test]
fn a_row_that_is_taken_out_is_missed() {
    let without = |term: &str| -> String {
        let kept = GLOSSARY.lines().filter(|line| !line.starts_with("| ") || !line.contains(&format!("`{term}`")));
        kept.collect::<Vec<_>>().join("\n")
    };
    for term in ["n_embd", "attn_q", "blocks.i.attn.hook_q", "window"] {
        assert_eq!(missing(&without(term), [term]), [term]);
        assert_eq!(missing(GLOSSARY, [term]), [""; 0]);
    }
    assert_eq!(missing("`n_embd` in a sentence\n| width | `n_embd` |", ["n_embd"]), ["n_embd"]);
}
