//! Two texts, one dictionary: the stages of the two transformers have the same names and stand in the same order.

/// Names of a source's functions, in order.
fn functions(source: &str) -> Vec<&str> {
    source
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("fn ") || line.starts_with("pub fn "))
        .filter_map(|line| line.split("fn ").nth(1)?.split(['(', '<']).next())
        .collect()
}

/// From `forward` on: what comes before makes a model ready, and differs.
fn stages(source: &str) -> Vec<&str> {
    functions(source).into_iter().skip_while(|&name| name != "forward").collect()
}

#[test]
fn the_two_transformers_have_the_same_stages_in_the_same_order() {
    let naive = stages(include_str!("../src/naive/transformer.rs"));
    let expected = [
        "forward",
        "embed",
        "block",
        "attention",
        "feed_forward",
        "rejoin",
        "unembed",
        "admit",
        "remember",
        "recall",
        "visible",
    ];
    assert_eq!(naive, expected);
    // The optimized text has one decision more, which is not a stage: who is still asking in the last block.
    let optimized = stages(include_str!("../src/optimized/transformer.rs"));
    let optimized: Vec<&str> = optimized.into_iter().filter(|&name| name != "asks_less").collect();
    assert_eq!(optimized, naive);
}

#[test]
fn a_missing_or_misplaced_stage_is_seen() {
    let source = "fn new() {}\npub fn forward<A>(x: A) {}\n    fn block() {}\n/// fn attention() in prose\n";
    assert_eq!(stages(source), ["forward", "block"]);
}
