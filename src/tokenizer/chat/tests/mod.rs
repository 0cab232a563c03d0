//! What templates may expect, on templates of one line; real ones stand in `tests/files/tokenizer_golden.rs`.

mod hostile;
mod templates;

use super::*;

const CHATML: &str = "{% for message in messages %}\n    {{- '<' + message['role'] + '>' + message.content.strip() }}\n\
                      {% endfor %}\n{% if add_generation_prompt %}\n<assistant>{% endif %}";

fn render(source: &str, messages: &[(&str, &str)]) -> Result<String, TokenizerError> {
    let messages: Vec<_> = messages.iter().map(|&(role, content)| Message::new(role, content)).collect();
    ChatTemplate::new(source, "<s>", "</s>")?.at_time(0).render(&messages, true)
}

#[test]
fn blocks_are_trimmed_and_python_methods_work() {
    assert_eq!(
        render(CHATML, &[("user", " Hi "), ("assistant", "Yo")]).unwrap(),
        "<user>Hi\n<assistant>Yo\n<assistant>"
    );
}

#[test]
fn templates_know_what_they_are_told() {
    let all = "{{ bos_token }}|{{ eos_token }}|{{ strftime_now('%d %b %Y') }}|{{ date_string }}|{{ tools is defined }}";
    assert_eq!(render(all, &[]).unwrap(), "<s>|</s>|01 Jan 1970|01 Jan 1970|False");
    assert_eq!(render("{{ messages[0].content.split('x')[-1].upper() }}", &[("user", "axb")]).unwrap(), "B");
    assert_eq!(render("{% generation %}a{%- endgeneration %}", &[]).unwrap(), "a");
}

#[test]
fn tools_are_written_as_python_writes_them() {
    let template = ChatTemplate::new("{{ tools | tojson }}{{ tools[0] | tojson(indent=1) }}", "", "").unwrap();
    let tools = [serde_json::json!({"name": "a<b>"})];
    let text = template.render_with_tools(&[], &tools, false).unwrap();
    assert_eq!(text, "[{\"name\": \"a<b>\"}]{\n \"name\": \"a<b>\"\n}");
}

#[test]
fn a_template_without_a_place_for_the_system_gets_it_with_the_first_message() {
    let refuses = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}\
                   [{{ m.content }}]{% endfor %}";
    assert_eq!(render(refuses, &[("system", "S"), ("user", "U"), ("user", "V")]).unwrap(), "[S\nU][V]");
    assert!(!ChatTemplate::new(refuses, "", "").unwrap().supports_system_role());
    assert!(ChatTemplate::new(CHATML, "", "").unwrap().supports_system_role());
    assert_eq!(render(refuses, &[("system", "S")]).unwrap(), "");
}

#[test]
fn errors_say_what_and_where() {
    let message = |source: &str| render(source, &[("user", "U")]).unwrap_err().to_string();
    assert_eq!(message("{{ raise_exception('roles must alternate') }}"), "chat template: roles must alternate");
    let syntax = message("line one\n{% for %}");
    assert!(syntax.starts_with("chat template: syntax error") && syntax.contains("line 2"), "{syntax}");
    let missing = message("\n\n{{ messages[0].content + 1 }}");
    assert!(missing.contains("line 3"), "{missing}");
    // A template that never ends is the model file's fault, not ours to hang on.
    assert!(message("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}").contains("recursion"));
}

/// Some templates want `content` as a list of parts, and print nothing for a text.
#[test]
fn content_goes_as_a_list_of_parts_where_the_template_wants_one() {
    let parts = "{% for m in messages %}{{ m['role'] | capitalize }}: {% for part in m['content'] %}\
                 {% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %};{% endfor %}";
    assert_eq!(render(parts, &[("user", "Hi there"), ("assistant", "Yo")]).unwrap(), "User: Hi there;Assistant: Yo;");
    assert_eq!(render(parts, &[("system", "S"), ("user", "U")]).unwrap(), "System: S;User: U;");
    let first_part = "{% for m in messages %}{{ m.content[0].text|upper }}{% endfor %}";
    assert_eq!(render(first_part, &[("user", "Hi")]).unwrap(), "HI");
    // An error for a text, not silence.
    let strict = "{% for m in messages %}{{ (m.content|first)['text'] + '!' }}{% endfor %}";
    assert_eq!(render(strict, &[("user", "Hi")]).unwrap(), "Hi!");
    // What takes both gets a text.
    let either = "{% for m in messages %}{% if m.content is string %}text {{ m.content }}{% else %}\
                  {% for p in m.content %}part {{ p.text }}{% endfor %}{% endif %}{% endfor %}";
    assert_eq!(render(either, &[("user", "Hi")]).unwrap(), "text Hi");
    let only_lists = "{% for m in messages %}{% if m.content is iterable and m.content is not string %}\
                      {{ m.content|map(attribute='text')|join }}{% endif %}{% endfor %}";
    assert_eq!(render(only_lists, &[("user", "Hi")]).unwrap(), "Hi");
}

#[test]
fn a_template_that_leaves_out_what_the_user_says_is_refused() {
    for source in ["{% for m in messages %}{{ m.role }}: {{ m.contents }}{% endfor %}", "{{ messages|length }}"] {
        let error = render(source, &[("user", "Hi")]).unwrap_err().to_string();
        assert!(error.starts_with("chat template: the template leaves out what the user says"), "{error}");
        assert!(render(source, &[("assistant", "Hi")]).is_ok(), "nothing of the user's is lost");
    }
    // One that never reads the conversation is served, and says so.
    assert_eq!(render("Assistant:", &[("user", "Hi")]).unwrap(), "Assistant:");
    assert!(!ChatTemplate::new("Assistant:", "", "").unwrap().reads_messages());
    // One that refuses to be asked is not accused: its own reason is told.
    let refuses = "{{ raise_exception('only with tools') if not tools }}";
    assert_eq!(render(refuses, &[("user", "Hi")]).unwrap_err().to_string(), "chat template: only with tools");
}

/// Python's rules that templates rely on.
#[test]
fn dates_tests_and_json_are_pythons() {
    let dates = ChatTemplate::new("{{ strftime_now('%-d %B %Y|%j|%I %p') }}", "", "").unwrap().at_time(1_709_823_845);
    assert_eq!(dates.render(&[], false).unwrap(), "7 March 2024|067|03 PM");
    assert_eq!(
        render("{{ none is iterable }} {{ {} is sequence }} {{ 'abc' is sequence }}", &[]).unwrap(),
        "False True True"
    );
    let json = "{{ {'b':2,'a':'é'}|tojson(sort_keys=true, separators=(',',':'), ensure_ascii=true) }}";
    assert_eq!(render(json, &[]).unwrap(), r#"{"a":"\u00e9","b":2}"#);
}

#[test]
fn what_a_template_raises_cannot_steer_a_terminal() {
    let error = render("{{ raise_exception('\\x1b[31mred\\n\\x9b0m') }}", &[]).unwrap_err().to_string();
    assert_eq!(error, r"chat template: \u{1b}[31mred\n\u{9b}0m");
}

/// A template that would not end is refused when it is loaded.
#[test]
fn an_endless_template_is_no_template() {
    let error =
        ChatTemplate::new("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}", "", "");
    assert!(matches!(error, Err(TokenizerError::Template(TemplateError::OverBudget { .. }))), "{error:?}");
}
