//! [`Keys`]: metadata of one architecture, read with bounds. `{a}.block_count` is asked for as `block_count`.
//!
//! Types are as strict as in llama.cpp: an integer stored as `u64` is not a `u32`.

use super::ModelError;
use crate::escape::Quoted;
use crate::gguf::{Metadata, Value};
use std::fmt::Display;
use std::ops::RangeInclusive;

/// The metadata, and the prefix that an architecture's keys have.
pub(super) struct Keys<'a> {
    pub(super) metadata: &'a Metadata,
    prefix: &'static str,
}

impl<'a> Keys<'a> {
    pub(super) fn new(metadata: &'a Metadata, prefix: &'static str) -> Self {
        Self { metadata, prefix }
    }

    /// The full name of a key.
    pub(super) fn key(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.prefix)
    }

    /// The error for a value that has the right type and makes no sense.
    pub(super) fn invalid(&self, suffix: &str, expected: impl Display, found: impl Display) -> ModelError {
        let found = Quoted::new(&found.to_string());
        ModelError::InvalidValue { key: self.key(suffix), expected: expected.to_string(), found }
    }

    /// A required `u32` within `range`.
    pub(super) fn size(&self, suffix: &str, range: RangeInclusive<usize>) -> Result<usize, ModelError> {
        let found = self.metadata.require_u32(&self.key(suffix))?;
        self.within(suffix, &range, found.into())
    }

    /// An optional `u32` within `range`.
    pub(super) fn optional_size(
        &self,
        suffix: &str,
        range: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ModelError> {
        let found = self.metadata.u32(&self.key(suffix))?;
        found.map(|found| self.within(suffix, &range, found.into())).transpose()
    }

    pub(super) fn f32(&self, suffix: &str) -> Result<Option<f32>, ModelError> {
        Ok(self.metadata.f32(&self.key(suffix))?)
    }

    pub(super) fn bool(&self, suffix: &str) -> Result<Option<bool>, ModelError> {
        Ok(self.metadata.bool(&self.key(suffix))?)
    }

    pub(super) fn str(&self, suffix: &str) -> Result<Option<&'a str>, ModelError> {
        Ok(self.metadata.str(&self.key(suffix))?)
    }

    /// As [`Keys::f32`], and where the key is there its value is within `range`; `zero` also where 0 means "none".
    pub(super) fn f32_within(
        &self,
        suffix: &str,
        range: RangeInclusive<f32>,
        zero: Zero,
    ) -> Result<Option<f32>, ModelError> {
        match self.f32(suffix)? {
            None => Ok(None),
            Some(0.0) if zero == Zero::MeansNone => Ok(None),
            Some(value) if range.contains(&value) => Ok(Some(value)), // NaN is in no range
            Some(value) => {
                let or_zero = if zero == Zero::MeansNone { "0, or " } else { "" };
                let expected = format!("{or_zero}{} to {}", number(*range.start()), number(*range.end()));
                Err(self.invalid(suffix, expected, number(value)))
            }
        }
    }

    /// As [`Keys::f32_within`], but the key must be there.
    pub(super) fn require_f32_within(&self, suffix: &str, range: RangeInclusive<f32>) -> Result<f32, ModelError> {
        let value = self.metadata.require_f32(&self.key(suffix))?;
        Ok(self.f32_within(suffix, range, Zero::IsANumber)?.unwrap_or(value))
    }

    /// One `u32` for all layers, or an array of `u32` or `i32` with one per layer.
    pub(super) fn per_layer(
        &self,
        suffix: &str,
        n_layer: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Option<Vec<usize>>, ModelError> {
        match self.array(suffix, n_layer)? {
            None => Ok(self.optional_size(suffix, range)?.map(|value| vec![value; n_layer])),
            Some(values) => {
                let check = |value| match value {
                    Value::U32(value) => self.within(suffix, &range, value.into()),
                    Value::I32(value) => self.within(suffix, &range, value.into()),
                    other => Err(self.invalid(suffix, "u32, or an array of u32 or i32", array_of(&other))),
                };
                values.map(check).collect::<Result<_, _>>().map(Some)
            }
        }
    }

    /// As [`Keys::per_layer`], but the key must be there.
    pub(super) fn require_per_layer(
        &self,
        suffix: &str,
        n_layer: usize,
        range: RangeInclusive<usize>,
    ) -> Result<Vec<usize>, ModelError> {
        match self.per_layer(suffix, n_layer, range.clone())? {
            Some(values) => Ok(values),
            None => self.size(suffix, range).map(|value| vec![value; n_layer]),
        }
    }

    /// An array with a yes or no per layer; `None` if the key is absent or not an array.
    pub(super) fn flags(&self, suffix: &str, n_layer: usize) -> Result<Option<Vec<bool>>, ModelError> {
        let Some(values) = self.array(suffix, n_layer)? else { return Ok(None) };
        let flag = |value| match value {
            Value::Bool(flag) => Ok(flag),
            Value::U32(flag) => Ok(flag != 0),
            Value::I32(flag) => Ok(flag != 0),
            other => Err(self.invalid(suffix, "u32, or an array of bool, u32 or i32", array_of(&other))),
        };
        values.map(flag).collect::<Result<_, _>>().map(Some)
    }

    /// The elements of an array, which must be one per layer; `None` if the key is absent or not an array.
    fn array(
        &self,
        suffix: &str,
        n_layer: usize,
    ) -> Result<Option<impl Iterator<Item = Value<'a>> + use<'a>>, ModelError> {
        match self.metadata.get(&self.key(suffix)) {
            Some(Value::Array(array)) if array.len() == n_layer => Ok(Some(array.iter())),
            Some(Value::Array(array)) => {
                let expected = format!("an array of {n_layer} values, one per block");
                Err(self.invalid(suffix, expected, format!("{} values", array.len())))
            }
            _ => Ok(None),
        }
    }

    fn within(&self, suffix: &str, range: &RangeInclusive<usize>, found: i64) -> Result<usize, ModelError> {
        match usize::try_from(found) {
            Ok(value) if range.contains(&value) => Ok(value),
            _ if range.start() == range.end() => Err(self.invalid(suffix, range.start(), found)),
            _ => Err(self.invalid(suffix, format!("{} to {}", range.start(), range.end()), found)),
        }
    }
}

/// What a key's value of 0 means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zero {
    /// As if the key were absent.
    MeansNone,
    /// A value like any other.
    IsANumber,
}

/// A number in a message: powers of ten where zeros would be hard to count.
fn number(x: f32) -> String {
    match x.abs() {
        0.0 | 0.001..1e6 => x.to_string(),
        _ => format!("{x:e}"),
    }
}

/// The type of an array, from one of its elements.
fn array_of(element: &Value<'_>) -> String {
    format!("an array of {}", element.type_name())
}
