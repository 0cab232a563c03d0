//! The stages of the two forward paths have the same names, in the same order.

/// Names of a source's functions, in order.
fn functions(source: &str) -> Vec<&str> {
    source
        .lines()
        .map(str::trim_start)
        .filter_map(|line| ["fn ", "pub fn ", "pub(super) fn "].iter().find_map(|start| line.strip_prefix(start)))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .collect()
}

/// The functions from `forward` on. Those before it prepare a model and differ.
fn stages(source: &str) -> Vec<&str> {
    functions(source).into_iter().skip_while(|&name| name != "forward").collect()
}

#[test]
fn the_two_transformers_have_the_same_stages_in_the_same_order() {
    let naive = stages(include_str!("../../src/naive/transformer.rs"));
    assert_eq!(naive, ["forward", "run", "embed", "block", "attention", "feed_forward", "unembed"]);
    assert_eq!(stages(include_str!("../../src/optimized/transformer.rs")), naive);
}

#[test]
fn the_two_batch_contexts_have_the_same_functions_in_the_same_order() {
    let naive = functions(include_str!("../../src/naive/context.rs"));
    assert_eq!(naive, ["prepare", "write_kv", "read_kv", "visible"]);
    // The optimized path has one function more: in the last block it computes queries only for some rows.
    let optimized = functions(include_str!("../../src/optimized/context.rs"));
    assert_eq!(optimized, ["prepare", "query_rows", "write_kv", "read_kv", "visible"]);
}

#[test]
fn a_missing_or_misplaced_stage_is_seen() {
    let source = "fn new() {}\npub fn forward<A>(x: A) {}\n    fn block() {}\n/// fn attention() in prose\n";
    assert_eq!(stages(source), ["forward", "block"]);
}
