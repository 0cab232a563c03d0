//! Chat templates: a conversation becomes the one text a chat model was trained to continue.
//!
//! The template is a Jinja program inside the model file (`tokenizer.chat_template`): it puts each message between
//! the markers that this model knows, and, if asked, opens the turn of the assistant. [`ChatTemplate`] runs it in a Jinja
//! of our own ([`jinja`]), which does what Hugging Face's `apply_chat_template` does and bounds what a program of a
//! stranger may use up.
//!
//! Three things are found out when a template is loaded, by rendering a short conversation: does it end, does it have a
//! place for a system message, and does it show what the user says. Some templates expect `content` to be a list of parts
//! (`[{"type": "text", "text": …}]`) and print nothing for a plain text: they get the list.
//!
//! Not here: which model has which template (the file knows), and parsing the model's answer.

mod jinja;

use jinja::{Data, Template};
use serde::{Deserialize, Serialize};

use super::{Role, TemplateError, TokenizerError, Vocab};
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
    template: Template,
    source: String,
    bos: String,
    eos: String,
    supports_system: bool,
    content: Content,
    /// The time that templates are told, in seconds since 1970; `None` is now.
    time: Option<u64>,
}

/// How a template wants what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// As one text.
    Text,
    /// As a list with one part that is a text.
    Parts,
    /// The template reads the messages, but the text appears in its output in neither way.
    Swallowed,
}

/// What the user says in the conversation that is rendered when a template is loaded: one word, so that it survives what
/// templates do to text (cutting blanks, quoting, upper case).
const USER_PROBE: &str = "cutawayprobe";
/// What the system says there.
const SYSTEM_PROBE: &str = "cutawaysystem";

impl ChatTemplate {
    /// The template of a model file, or `None` where the file has none (base models). Errors: as [`new`](Self::new).
    pub fn from_metadata(metadata: &Metadata, vocab: &Vocab) -> Result<Option<Self>, TokenizerError> {
        let Some(source) = metadata.str("tokenizer.chat_template")? else { return Ok(None) };
        let text = |role| vocab.special(role).and_then(|id| vocab.token(id)).map_or("", |token| &token.text);
        Self::new(source, text(Role::Bos), text(Role::Eos)).map(Some)
    }

    /// A template from its text. `bos` and `eos` are the texts of these tokens, which templates may write themselves.
    ///
    /// Errors: not valid Jinja, or a template that uses up more than it may for a conversation of one word.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Self, TokenizerError> {
        let mut template = Self {
            template: Template::new(source).map_err(TokenizerError::Template)?,
            source: source.to_owned(),
            bos: bos.to_owned(),
            eos: eos.to_owned(),
            supports_system: true,
            content: Content::Text,
            time: None,
        };
        template.content = template.find_content()?;
        template.supports_system = template.find_system()?;
        Ok(template)
    }

    /// How the template wants what is said. A template that refuses the question gets text: what it says then is said
    /// when it refuses a real conversation.
    fn find_content(&self) -> Result<Content, TokenizerError> {
        let question = [Message::new("user", USER_PROBE)];
        let as_text = self.probe(&question, Content::Text, true, USER_PROBE)?;
        if as_text == Some(true) {
            return Ok(Content::Text);
        }
        Ok(match (as_text, self.probe(&question, Content::Parts, true, USER_PROBE)?) {
            (_, Some(true)) => Content::Parts,
            (Some(false), _) if self.reads_messages() => Content::Swallowed,
            (_, _) => Content::Text,
        })
    }

    /// Does the template have a place for a system message?
    fn find_system(&self) -> Result<bool, TokenizerError> {
        let conversation = [Message::new("system", SYSTEM_PROBE), Message::new("user", USER_PROBE)];
        Ok(self.probe(&conversation, self.content, false, SYSTEM_PROBE)? == Some(true))
    }

    /// Does `word` appear in what the template makes of a conversation? `None` if it makes nothing of it. Errors: the
    /// template uses up more than it may.
    fn probe(
        &self,
        messages: &[Message],
        content: Content,
        add_generation_prompt: bool,
        word: &str,
    ) -> Result<Option<bool>, TokenizerError> {
        match self.run(messages, &[], add_generation_prompt, content) {
            Ok(text) => Ok(Some(text.to_lowercase().contains(word))),
            Err(error @ TemplateError::OverBudget { .. }) => Err(TokenizerError::Template(error)),
            Err(_) => Ok(None),
        }
    }

    /// The same template on another day: templates are told this time, in seconds since 1970 (UTC).
    pub fn at_time(mut self, seconds: u64) -> Self {
        self.time = Some(seconds);
        self
    }

    /// Does the template have a place for a system message? Where it has none (or refuses it), the system message is
    /// put before the text of the message that follows, as llama.cpp does.
    pub fn supports_system_role(&self) -> bool {
        self.supports_system
    }

    /// Whether the template mentions the conversation at all. One that does not writes the same text whatever is said, and is
    /// not taken for one that loses the user's words by mistake.
    pub fn reads_messages(&self) -> bool {
        self.source.contains("messages")
    }

    /// The template's text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The conversation as one text. `add_generation_prompt` opens the assistant's turn at the end.
    ///
    /// The text may begin with BOS: encode it with `parse_special`, and with `add_special` only if it does not.
    /// Errors: the template refuses (`raise_exception`) or fails, or it would leave out what the user says.
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
        let says_something = |message: &Message| message.role == "user" && !message.content.is_empty();
        if self.content == Content::Swallowed && messages.iter().any(says_something) {
            return Err(TokenizerError::Template(TemplateError::Swallowed));
        }
        let merged;
        let messages = match messages {
            [system, rest @ ..] if system.role == "system" && !self.supports_system => {
                merged = put_before(system, rest);
                &merged
            }
            as_they_are => as_they_are,
        };
        self.run(messages, tools, add_generation_prompt, self.content).map_err(TokenizerError::Template)
    }

    fn run(
        &self,
        messages: &[Message],
        tools: &[serde_json::Value],
        add_generation_prompt: bool,
        content: Content,
    ) -> Result<String, TemplateError> {
        let time = self.time.unwrap_or_else(now);
        let (date, datetime) = (jinja::strftime(time, "%d %b %Y")?, jinja::strftime(time, "%b %d %Y")?);
        let mut variables = vec![
            ("messages", Data::List(messages.iter().map(|message| data(message, content)).collect())),
            ("add_generation_prompt", Data::Bool(add_generation_prompt)),
            // What llama.cpp adds on its own.
            ("enable_thinking", Data::Bool(true)),
            ("date_string", Data::Text(&date)),
            ("datetime", Data::Text(&datetime)),
            ("bos_token", Data::Text(&self.bos)),
            ("eos_token", Data::Text(&self.eos)),
        ];
        // Templates ask `if tools` or `if tools is defined`: without tools there is no such variable.
        if !tools.is_empty() {
            variables.push(("tools", Data::List(tools.iter().map(Data::Json).collect())));
        }
        self.template.render(&variables, time)
    }
}

/// A message as templates see it.
fn data(message: &Message, content: Content) -> Data<'_> {
    let text = Data::Text(&message.content);
    let content = match content {
        Content::Parts => Data::List(vec![Data::Dict(vec![("type", Data::Text("text")), ("text", text)])]),
        Content::Text | Content::Swallowed => text,
    };
    Data::Dict(vec![("role", Data::Text(&message.role)), ("content", content)])
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

#[cfg(test)]
mod tests;
