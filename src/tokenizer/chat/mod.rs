//! Chat templates: a conversation becomes the one text a chat model was trained to continue.
//!
//! The template is a Jinja program inside the model file (`tokenizer.chat_template`): it puts each message between
//! the markers that this model knows, and, if asked, opens the turn of the assistant. [`ChatTemplate`] runs it with
//! `minijinja`, set up as Hugging Face's `apply_chat_template` sets Jinja up: blocks trimmed, Python's string
//! methods, `raise_exception`, `strftime_now`, and `tojson` as Python writes JSON.
//!
//! Not here: which model has which template (the file knows), and parsing the model's answer.

mod python;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind, context};
use serde::{Deserialize, Serialize};

use super::{Role, TokenizerError, Vocab};
use crate::gguf::Metadata;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks: "system", "user" or "assistant" (templates may know more).
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message of `role` saying `content`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// A model's chat template, parsed and ready.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos: String,
    eos: String,
    supports_system: bool,
    /// The time that templates are told, in seconds since 1970; `None` is now.
    time: Option<u64>,
}

/// The name under which the one template is registered; it shows in error messages.
const NAME: &str = "chat_template";

impl ChatTemplate {
    /// The template of a model file, or `None` where the file has none (base models). Errors: not valid Jinja.
    pub fn from_metadata(metadata: &Metadata, vocab: &Vocab) -> Result<Option<Self>, TokenizerError> {
        let Some(source) = metadata.str("tokenizer.chat_template")? else { return Ok(None) };
        let text = |role| vocab.special(role).and_then(|id| vocab.token(id)).map_or("", |token| &token.text);
        Self::new(source, text(Role::Bos), text(Role::Eos)).map(Some)
    }

    /// A template from its text. `bos` and `eos` are the texts of these tokens, which templates may write themselves.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, TokenizerError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(template_error)?;
        environment.set_syntax(syntax);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", |format: String| python::strftime(now(), &format));
        environment.add_filter("tojson", tojson);
        environment.add_template_owned(NAME, without_generation_tags(source)).map_err(template_error)?;
        let mut template = Self {
            environment,
            source: source.to_owned(),
            bos: bos.to_owned(),
            eos: eos.to_owned(),
            supports_system: true,
            time: None,
        };
        let probe = [Message::new("system", "A PROBE OF THE SYSTEM ROLE"), Message::new("user", "Hello")];
        template.supports_system = template.render(&probe, false).is_ok_and(|text| text.contains(&probe[0].content));
        Ok(template)
    }

    /// The same template on another day: templates are told this time, in seconds since 1970 (UTC).
    pub fn at_time(mut self, seconds: u64) -> Self {
        self.time = Some(seconds);
        self.environment.add_function("strftime_now", move |format: String| python::strftime(seconds, &format));
        self
    }

    /// Does the template have a place for a system message? Where it has none (or refuses it), the system message is
    /// put before the text of the message that follows, as llama.cpp does.
    pub fn supports_system_role(&self) -> bool {
        self.supports_system
    }

    /// The template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The conversation as one text. `add_generation_prompt` opens the assistant's turn at the end.
    ///
    /// The text may begin with BOS: encode it with `parse_special`, and with `add_special` only if it does not.
    /// Errors: the template refuses (`raise_exception`) or fails.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, TokenizerError> {
        self.render_with_tools(messages, &[], add_generation_prompt)
    }

    /// The same with tools the model may call, described in JSON as OpenAI's API does.
    pub fn render_with_tools(
        &self,
        messages: &[Message],
        tools: &[serde_json::Value],
        add_generation_prompt: bool,
    ) -> Result<String, TokenizerError> {
        let merged;
        let messages = match messages {
            [system, rest @ ..] if system.role == "system" && !self.supports_system => {
                merged = put_before(system, rest);
                &merged
            }
            as_they_are => as_they_are,
        };
        // Templates ask `if tools` or `if tools is defined`: without tools there is no such variable.
        let tools = if tools.is_empty() { Value::UNDEFINED } else { Value::from(Serde(tools)) };
        let time = self.time.unwrap_or_else(now);
        let context = context! {
            messages => Value::from(Serde(messages)),
            tools,
            add_generation_prompt,
            // What llama.cpp adds on its own.
            enable_thinking => true,
            date_string => python::strftime(time, "%d %b %Y"),
            datetime => python::strftime(time, "%b %d %Y"),
            bos_token => &self.bos,
            eos_token => &self.eos,
        };
        self.environment.get_template(NAME).and_then(|template| template.render(context)).map_err(template_error)
    }
}

/// `{% generation %}…{% endgeneration %}` marks for training what the assistant said; it prints what stands inside.
fn without_generation_tags(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let Some(close) = rest[open..].find("%}").map(|len| open + len) else { break };
        let tag = &rest[open + 2..close];
        let replaced = match tag.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+') {
            "generation" => tag.replace("generation", "if true"),
            "endgeneration" => tag.replace("endgeneration", "endif"),
            _ => tag.to_owned(),
        };
        text.push_str(&rest[..open + 2]);
        text.push_str(&replaced);
        rest = &rest[close..];
    }
    text + rest
}

fn template_error(error: Error) -> TokenizerError {
    // `raise_exception` carries its message as detail; what else fails says where.
    let message = match (error.detail(), error.line()) {
        (Some(detail), _) if error.kind() == ErrorKind::InvalidOperation && detail.starts_with(REFUSED) => {
            detail[REFUSED.len()..].to_owned()
        }
        (Some(detail), Some(line)) => format!("{}: {detail} (line {line})", error.kind()),
        (None, Some(line)) => format!("{} (line {line})", error.kind()),
        (detail, None) => format!("{}: {}", error.kind(), detail.unwrap_or("no details")),
    };
    TokenizerError::Template { message }
}

/// Marks errors that the template raised itself.
const REFUSED: &str = "refused: ";

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, format!("{REFUSED}{message}")))
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Puts what the system says before the first message of `rest`; with nobody to say it, it is lost.
fn put_before(system: &Message, rest: &[Message]) -> Vec<Message> {
    let mut messages = rest.to_vec();
    if let Some(first) = messages.first_mut() {
        first.content = format!("{}\n{}", system.content, first.content);
    }
    messages
}

/// JSON as Python's `json.dumps` writes it: a space after `,` and `:`, keys in their order, no HTML escapes.
fn tojson(value: Value, kwargs: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = kwargs.get("indent")?;
    for ignored in ["ensure_ascii", "sort_keys", "separators"] {
        kwargs.get::<Option<Value>>(ignored)?;
    }
    kwargs.assert_all_used()?;
    let mut json = String::new();
    python::write_json(&value, indent, 0, &mut json)?;
    Ok(Value::from_safe_string(json))
}

#[cfg(test)]
mod tests;
