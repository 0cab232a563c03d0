//! A small Jinja: the language of chat templates, run within bounds.
//!
//! A template comes out of a model file, so out of a stranger's hands, and it is a program. This one runs it as Hugging
//! Face's `transformers` does (Jinja 3.1 in its immutable sandbox, `trim_blocks` and `lstrip_blocks` on, loop controls, the
//! tag `generation`), with one difference: time, memory, output and depth are bounded, and what goes beyond is an error
//! with a line and a column. What this Jinja does not have is an error that names it, never another result.
//!
//! | step | file |
//! |---|---|
//! | source → tokens: text, tags, white space around them | `lexer`, `words` |
//! | tokens → syntax tree | `parser`, `ast` |
//! | values, as Python has them | `value` |
//! | **the tree is run** | `eval` |
//! | filters, tests, methods | `library` |
//! | what a run may use up | **`budget`** |
//! | what it is told | `data` |
//! | what went wrong, and where | `error` |
//!
//! Look first at [`Template`], then at `budget`.
//!
//! Not here: other templates (`include`, `extends`, `import`), blocks, recursive loops, escaping for HTML: no chat template
//! needs them. Whole numbers have 64 bits.
//!
//! Source: Jinja 3.1.6; `transformers`, `utils/chat_template_utils.py`.

mod ast;
mod budget;
mod data;
mod error;
mod eval;
mod lexer;
mod library;
mod parser;
mod value;
mod words;

pub(super) use data::Data;

use crate::tokenizer::TemplateError;
use ast::Ast;
use budget::{Budget, Limits, MAX_SOURCE};
use error::{Fault, Run};
use value::Value;

/// A time in seconds since 1970 (UTC), as `strftime_now` writes it. Errors: a directive that is not there.
pub(super) fn strftime(seconds: u64, format: &str) -> Result<String, TemplateError> {
    library::strftime::strftime(seconds, format).map_err(|fault| fault.in_source(format))
}

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template {
    /// The source with `\n` as line ends; places in errors count in it.
    source: String,
    ast: Ast,
}

impl Template {
    /// Parses a template. Errors: not valid Jinja, too long, nested too deep.
    pub(super) fn new(source: &str) -> Result<Self, TemplateError> {
        if source.len() > MAX_SOURCE {
            let what = format!("the template has {} bytes, more than the {MAX_SOURCE} allowed", source.len());
            return Err(Fault::over_budget(what).in_source(""));
        }
        let source = lexer::normalize(source);
        match lexer::tokens(&source).and_then(parser::parse) {
            Ok(ast) => Ok(Self { source, ast }),
            Err(fault) => Err(fault.in_source(&source)),
        }
    }

    /// The text that the template makes of its variables. `time` is what it is told of the time, in seconds since 1970.
    pub(super) fn render(&self, variables: &[(&'static str, Data<'_>)], time: u64) -> Result<String, TemplateError> {
        let size = variables.iter().map(|(_, data)| data.size()).sum();
        let mut budget = Budget::new(Limits::for_input(size));
        let values: Run<Vec<(&str, Value)>> =
            variables.iter().map(|(name, data)| Ok((*name, data.value(&mut budget)?))).collect();
        values
            .and_then(|values| eval::run(&self.ast, values, time, budget))
            .map_err(|fault| fault.in_source(&self.source))
    }
}

#[cfg(test)]
mod tests;
