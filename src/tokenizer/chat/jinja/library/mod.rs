//! Filters, tests and methods: functions of values, without the interpreter.
//!
//! | what | file |
//! |---|---|
//! | how arguments find their parameters; sorting | `args`; `sort` |
//! | `value\|filter`, for text, for lists, for the rest | `text_filters`, `list_filters`, `filters` |
//! | `value is test` | `checks` |
//! | `text.method()`, `dict.method()` | `methods`, `text`, `case`, `cut` |
//! | `'%s' % value`, `'{}'.format(value)` | `percent`, `format`, `spec` |
//! | `tojson`, `strftime_now` | `json`, `strftime` |
//!
//! Look first at `filters`. What Jinja or Python have and what is not here is an error that names it.
//!
//! Source: Jinja 3.1.6, `filters.py` and `tests.py`; CPython 3.11 for the methods.

mod args;
mod case;
mod checks;
mod cut;
mod filters;
mod format;
mod json;
mod list_filters;
pub(super) mod methods;
pub(super) mod percent;
mod sort;
mod spec;
pub(super) mod strftime;
mod text;
mod text_filters;

pub(super) use args::{Args, path};
pub(super) use checks::check;
pub(super) use filters::apply;

use super::value::Value;

/// What a filter gives.
pub(super) enum Made {
    Value(Value),
    /// A sequence that can be read once.
    Generator(Vec<Value>),
}
