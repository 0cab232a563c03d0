//! What templates may expect, on templates of one line; real ones stand in `tests/tokenizer_golden.rs`.

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
