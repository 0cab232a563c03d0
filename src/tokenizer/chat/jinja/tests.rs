//! Held to Jinja2: what Python makes of some thousands of templates (`tests/golden/jinja/make.py`).

use super::*;

#[derive(serde::Deserialize)]
struct Golden {
    now: u64,
    variables: serde_json::Map<String, serde_json::Value>,
    by_hand: Vec<Case>,
    generated: Vec<Case>,
}

/// A template, and the text that Jinja2 makes of it; no text where it has an error.
#[derive(serde::Deserialize)]
struct Case {
    template: String,
    text: Option<String>,
}

impl Golden {
    fn read() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/jinja/templates.json");
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn render(&self, template: &str) -> Result<String, TemplateError> {
        // The names live as long as the test.
        let name = |name: &String| -> &'static str { name.clone().leak() };
        let variables: Vec<_> = self.variables.iter().map(|(key, value)| (name(key), Data::Json(value))).collect();
        Template::new(template)?.render(&variables, self.now)
    }
}

/// The same text, or an error in both.
#[test]
fn templates_by_hand() {
    let golden = Golden::read();
    assert!(golden.by_hand.len() > 800);
    for case in &golden.by_hand {
        match (golden.render(&case.template), &case.text) {
            (Ok(ours), Some(text)) => assert_eq!(&ours, text, "{:?}", case.template),
            (Err(_), None) => {}
            (ours, text) => panic!("{:?}: {ours:?}, Jinja2 makes {text:?}", case.template),
        }
    }
}

/// The same, where nothing is promised to be supported: then it is said. What Jinja2 refuses is refused.
#[test]
fn generated_templates() {
    let golden = Golden::read();
    assert!(golden.generated.len() > 1000);
    let mut n_unsupported = 0;
    for case in &golden.generated {
        match (golden.render(&case.template), &case.text) {
            (Ok(ours), Some(text)) => assert_eq!(&ours, text, "{:?}", case.template),
            (Err(TemplateError::Unsupported { .. }), Some(_)) => n_unsupported += 1,
            (Err(_), None) => {}
            (ours, text) => panic!("{:?}: {ours:?}, Jinja2 makes {text:?}", case.template),
        }
    }
    assert!(n_unsupported < 10, "{n_unsupported}");
}

fn error(template: &str) -> String {
    Golden::read().render(template).unwrap_err().to_string()
}

#[test]
fn errors_have_a_line_and_a_column() {
    assert_eq!(error("a\n\n  {{ s + 1 }}"), "'+' does not work on 'str' and 'int' (line 3, column 8)");
    assert_eq!(error("é{{ q.r }}"), "'q' is undefined (line 1, column 6)");
    assert_eq!(
        error("{{ xs.append(1) }}"),
        "'append' of 'list' is not allowed: templates run in an immutable sandbox (line 1, column 13)"
    );
    assert_eq!(error("\r\n{% for %}"), "syntax error: expected the name of a variable, found '%}' (line 2, column 8)");
    assert_eq!(
        error("{% if yes %}\n"),
        "syntax error: the template ends where 'elif' or 'else' or 'endif' is expected (line 1, column 13)"
    );
    assert_eq!(
        error("{% include 'x' %}"),
        "the statement 'include' is not supported in chat templates (line 1, column 4)"
    );
    assert_eq!(
        error("{{ s|wordwrap }}"),
        "the filter 'wordwrap' is not supported in chat templates (line 1, column 6)"
    );
    assert_eq!(error("{{ s\n is nice }}"), "there is no test 'nice' (line 2, column 2)");
    assert_eq!(
        error("{{ 9223372036854775807 + 1 }}"),
        "the result is a whole number of more than 64 bits (line 1, column 24)"
    );
    assert_eq!(error("{{ raise_exception('a\\x1b[31m\\n\\u202eb') }}"), "a\\u{1b}[31m\\n\\u{202e}b");
}

/// Names of the template are cut and escaped in errors.
#[test]
fn errors_are_one_line() {
    let long = error(&format!("{{{{ {}.x }}}}", "a".repeat(9000)));
    assert_eq!(long, format!("'{}…' is undefined (line 1, column {})", "a".repeat(60), 9004));
    assert_eq!(error("{{ {}['\\x1b'].x }}"), "'dict' has no attribute '\\u{1b}' (line 1, column 14)");
}

/// Deviations from Python that no chat template was seen to need: each is an error that names it.
#[test]
fn what_is_not_supported_is_said() {
    for template in [
        "{{ ('<'|safe) + '<' }}",
        "{{ ['<'|e] | map('upper') | list }}",
        "{{ xs|groupby('a') }}",
        "{{ 'é'.isalpha() }}",
        "{{ 'a'.encode() }}",
        "{{ 10 ** 30 }}",
        "{% set g = xs|map('string') %}{{ g|join }}{{ g|join }}",
        "{{ xs|map('string') }}",
        "{{ strftime_now('%Q') }}",
        "{{ strftime_now('100%') }}",
        "{{ '{:{}}'.format(1, 2) }}",
        "{{ 1 is sameas 1 }}",
        "{% autoescape true %}{% endautoescape %}",
        "{{ lipsum() }}",
        "{{ s.upper }}",
        "{{ [s.upper] }}",
    ] {
        let ours = Golden::read().render(template);
        assert!(matches!(ours, Err(TemplateError::Unsupported { .. })), "{template}: {ours:?}");
    }
}

/// A conversation of a megabyte, and one of a thousand turns, fit into the limits by far.
#[test]
fn long_conversations_fit() {
    let source = "{% set ns = namespace(last=0) %}{% for m in messages[::-1] %}{% if m.role == 'user' and ns.last == 0 %}\
                  {% set ns.last = messages|length - loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}<{{ m.role }}>\
                  {%- set content = m.content.split('</think>')[-1].strip() if m.role != 'user' else m.content|trim %}\
                  {{- content + '\n' }}{% endfor %}";
    let template = Template::new(source).unwrap();
    for (turns, words) in [(1000, 200), (3, 200_000)] {
        let text = "word ".repeat(words);
        let message = |i: usize| {
            Data::Dict(vec![("role", Data::Text(["user", "assistant"][i % 2])), ("content", Data::Text(&text))])
        };
        let made = template.render(&[("messages", Data::List((0..turns).map(message).collect()))], 0).unwrap();
        assert!(made.len() > turns * (text.len() - 1));
    }
}
