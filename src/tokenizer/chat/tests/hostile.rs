//! Templates that would not end, or would end the process: each is refused with a sentence that has a place.
//!
//! Every template runs on a thread with a stack of 2 MB, which is what Rust gives to threads. Loading is enough for most,
//! since a short conversation is rendered then.

use super::super::*;
use super::templates::{MEMORY, STACK, TIME};

/// Source that a program would write: hundreds of kilobytes of one construct, flat or nested.
fn long_sources() -> Vec<(&'static str, String)> {
    let n = 100_000;
    let wrap = |open: &str, inside: &str, close: &str, n: usize| open.repeat(n) + inside + &close.repeat(n);
    let flat = |start: &str, more: &str| format!("{{{{ {start}{} }}}}", more.repeat(n));
    vec![
        ("brackets", format!("{{{{ {} }}}}", wrap("(", "1", ")", n))),
        ("lists", format!("{{{{ {} }}}}", wrap("[", "1", "]", n))),
        ("dicts", format!("{{{{ {} }}}}", wrap("{1:", "1", "}", n))),
        ("calls", format!("{{{{ {} }}}}", wrap("dict(", "", ")", n))),
        ("indices", format!("{{{{ {} }}}}", wrap("a[", "1", "]", n))),
        ("arguments of filters", format!("{{{{ {} }}}}", wrap("a|d(", "1", ")", n))),
        ("arguments of tests", format!("{{{{ {} }}}}", wrap("a is eq(", "1", ")", n))),
        ("not", format!("{{{{ {}1 }}}}", "not ".repeat(n))),
        ("signs", format!("{{{{ {}1 }}}}", "- ".repeat(n))),
        ("ifs", wrap("{% if 1 %}", "", "{% endif %}", n)),
        ("loops", wrap("{% for x in [1] %}", "", "{% endfor %}", n)),
        ("macros", wrap("{% macro m() %}", "", "{% endmacro %}", n)),
        ("filter blocks", wrap("{% filter upper %}", "", "{% endfilter %}", n)),
        ("call blocks", wrap("{% call m() %}", "", "{% endcall %}", n)),
        ("targets", format!("{{% set {} = 1 %}}", wrap("(", "a", ")", n))),
        ("conditions without else", flat("1", " if 1")),
        ("attributes of nothing", flat("a", ".b")),
        ("items of nothing", flat("a", "[0]")),
        ("a sum of undefined values", flat("1", "+a")),
        ("comparisons that do not go together", flat("1", "<a")),
        ("a filter that is not there", flat("1", "|nope")),
        ("calls of calls", flat("1", "()")),
        ("a template too long", "a".repeat(2_000_000)),
        ("an unclosed string", format!("{{{{ '{}", "a\\'".repeat(n))),
        ("an unclosed comment", format!("{{#{}", "a-".repeat(n))),
        ("open raws", "{% raw %}".repeat(n)),
        ("named arguments", format!("{{{{ dict({}) }}}}", (0..n).map(|i| format!("a{i}=1,")).collect::<String>())),
        ("a long name", format!("{{{{ {}.x }}}}", "a".repeat(n))),
    ]
}

/// The same for source that does end: flat text is no deep tree.
fn long_sources_that_run() -> Vec<(&'static str, String)> {
    let n = 50_000;
    let flat = |start: &str, more: &str| format!("{{{{ ({start}{})|string|length }}}}", more.repeat(n));
    vec![
        ("a sum", flat("1", "+1")),
        ("a concatenation", flat("1", "~1")),
        ("a chain of and", flat("1", " and 1")),
        ("a chain of or", flat("0", " or 0")),
        ("comparisons", flat("1", "==1")),
        ("conditions", flat("1", " if 0 else 1")),
        ("filters", flat("1", "|abs")),
        ("methods", flat("''", ".strip()")),
        ("items of a list", flat("1", ",1")),
        ("text beside text", flat("'a'", " 'a'")),
        ("ifs side by side", "{% if 1 %}{% endif %}".repeat(n / 2) + "1"),
        ("elifs", format!("{{% if 0 %}}{}{{% endif %}}1", "{% elif 0 %}".repeat(n))),
        ("variables", (0..n / 4).map(|i| format!("{{% set a{i} = {i} %}}")).collect::<String>() + "1"),
        ("macros side by side", "{% macro m() %}{% endmacro %}".repeat(n / 4) + "1"),
    ]
}

/// What a template makes of a short conversation, on a thread with Rust's usual stack.
fn run(source: &str) -> Result<String, String> {
    let source = source.to_owned();
    let render = move || {
        let template = ChatTemplate::new(&source, "", "")?.at_time(0);
        // Not `render`: these templates show nothing of what is said.
        template.run(&[Message::new("user", "hi")], &[], true, Content::Text).map_err(TokenizerError::Template)
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(render).unwrap();
    thread.join().expect("a template ended its thread").map_err(|error| error.to_string())
}

fn refused(templates: impl Iterator<Item = (&'static str, String)>) {
    for (name, source) in templates {
        let error = run(&source).expect_err(name);
        assert!(error.starts_with("chat template: "), "{name}: {error}");
        assert!(error.contains("(line "), "{name}: no place: {error}");
        assert!(!error.contains('\n') && error.len() < 2000, "{name}: not one line: {}", error.len());
    }
}

fn owned(templates: &[(&'static str, &'static str)]) -> impl Iterator<Item = (&'static str, String)> {
    templates.iter().map(|&(name, source)| (name, source.to_owned()))
}

#[test]
fn what_would_overflow_the_stack() {
    refused(owned(STACK));
}

#[test]
fn what_would_take_all_memory() {
    refused(owned(MEMORY));
}

#[test]
fn what_would_not_end() {
    refused(owned(TIME));
}

#[test]
fn long_source() {
    refused(long_sources().into_iter());
}

#[test]
fn long_source_that_is_flat_runs() {
    for (name, source) in long_sources_that_run() {
        let text = run(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(text.parse::<usize>().is_ok(), "{name}: {text}");
    }
}

/// As deep as it may be, on a thread with Rust's usual stack: evaluating, printing, comparing, JSON, dropping.
#[test]
fn the_deepest_that_is_allowed_fits_the_stack() {
    let deep = "{% set n = namespace(v=1, w=1) %}{% for i in range(99) %}{% set n.v = [n.v] %}{% set n.w = [n.w] %}\
                {% endfor %}{{ n.v == n.w }}{{ n.v < n.w }}{{ (n.v|string)|length }}{{ (n.v|tojson)|length }}";
    assert_eq!(run(deep).unwrap(), "TrueFalse199199");
    let keys =
        "{% set n = namespace(v=(1,)) %}{% for i in range(90) %}{% set n.v = (n.v,) %}{% endfor %}{{ {n.v: 2}[n.v] }}";
    assert_eq!(run(keys).unwrap(), "2");
    // 30 calls inside each other, each with blocks, brackets and filters around the next.
    let calls = "{% macro m(n) %}{% if n %}{% for i in [1] %}{{ [(m(n - 1)|trim)]|map('upper')|join }}{% endfor %}{% else %}\
                 end{% endif %}{% endmacro %}{{ m(30) }}";
    assert_eq!(run(calls).unwrap(), "END");
    let brackets = format!("{{{{ {}1{} }}}}", "[".repeat(60), "]".repeat(60));
    assert_eq!(run(&brackets).unwrap().len(), 121);
    let blocks = "{% if 1 %}".repeat(60) + "x" + &"{% endif %}".repeat(60);
    assert_eq!(run(&blocks).unwrap(), "x");
}
