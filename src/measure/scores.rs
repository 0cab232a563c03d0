//! What a model's scores (logits) say: the likeliest next tokens, and how surprising each token of a text was.
//!
//! Look first at [`ranked`], then at [`surprise`]. All probabilities are computed in f64.
//!
//! What it deliberately does not do: choose a token (`sampling` does), or compare two models (`verify` does).

use crate::engine::Session;
use crate::kv_cache::ForwardError;
use crate::observe::Off;
use crate::sampling::SamplingError;

/// Why scores say nothing.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// The forward pass refused.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// A score that is no number.
    #[error("the scores behind token {position} of the text are not usable")]
    Scores {
        /// Which token of the text, from 0.
        position: usize,
        /// What is wrong with them.
        source: SamplingError,
    },
}

/// A token that may come next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NextToken {
    /// Its number in the vocabulary.
    pub token: u32,
    /// Its score.
    pub logit: f32,
    /// Its probability: softmax of the scores.
    pub p: f64,
}

/// Every token of the vocabulary, the likeliest first; of equal ones, the one with the smaller number. `logits` is
/// `[n_vocab]`.
///
/// # Errors
/// [`SamplingError::NotFinite`] for NaN and +∞.
pub fn ranked(logits: &[f32]) -> Result<Vec<NextToken>, SamplingError> {
    check(logits)?;
    let log_sum = log_sum_exp(logits);
    let next = |(token, &logit): (u32, &f32)| NextToken { token, logit, p: (f64::from(logit) - log_sum).exp() };
    let mut all: Vec<NextToken> = (0..).zip(logits).map(next).collect();
    all.sort_by(|a, b| b.logit.total_cmp(&a.logit)); // stable: ties by number
    Ok(all)
}

/// How surprising a text was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surprise {
    /// The likeliest token behind each: `[n_tokens]`.
    pub expected: Vec<u32>,
    /// −ln p of each token after the first, given those before it, in nats: `[n_tokens − 1]`.
    pub nll: Vec<f64>,
}

impl Surprise {
    /// Mean of `nll` in nats; `None` for a single token.
    pub fn mean_nll(&self) -> Option<f64> {
        (!self.nll.is_empty()).then(|| self.nll.iter().sum::<f64>() / self.nll.len() as f64)
    }
}

/// Runs `tokens` behind what the session has seen. `each` is given the scores behind every token, `[n_vocab]`.
///
/// # Errors
/// If there are no tokens, one is not in the vocabulary, or they do not fit the context; if a score is NaN or +∞.
pub fn surprise(
    session: &mut Session<'_>,
    tokens: &[u32],
    mut each: impl FnMut(&[f32]),
) -> Result<Surprise, ScoreError> {
    let mut found = Surprise::default();
    let mut unusable = None;
    session.score(tokens, &mut Off, |logits| {
        for row in logits.rows() {
            let position = found.expected.len();
            if let Err(source) = check(row) {
                unusable.get_or_insert(ScoreError::Scores { position, source });
            }
            if let Some(&next) = tokens.get(position + 1) {
                found.nll.push(log_sum_exp(row) - f64::from(row[next as usize]));
            }
            found.expected.push(first_maximum(row));
            each(row);
        }
    })?;
    unusable.map_or(Ok(found), Err)
}

/// Whether all scores are numbers. −∞ is allowed: such a token cannot come next.
fn check(logits: &[f32]) -> Result<(), SamplingError> {
    let unusable = |&(_, logit): &(u32, &f32)| logit.is_nan() || *logit == f32::INFINITY;
    match (0..).zip(logits).find(unusable) {
        Some((token, &value)) => Err(SamplingError::NotFinite { token, value }),
        None => Ok(()),
    }
}

/// ln Σ e^logit in f64: what a logit has to be reduced by to become ln p.
fn log_sum_exp(logits: &[f32]) -> f64 {
    let max = logits.iter().fold(f64::NEG_INFINITY, |max, &l| max.max(f64::from(l)));
    max + logits.iter().map(|&l| (f64::from(l) - max).exp()).sum::<f64>().ln()
}

/// The likeliest token; of several, the first.
fn first_maximum(logits: &[f32]) -> u32 {
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best }) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_comes_first() {
        let ranked = ranked(&[0.0, f32::ln(3.0), f32::NEG_INFINITY, 0.0]).unwrap();
        assert_eq!(ranked.iter().map(|next| next.token).collect::<Vec<_>>(), [1, 0, 3, 2]);
        let p: Vec<f64> = ranked.iter().map(|next| next.p).collect();
        for (p, expected) in p.iter().zip([0.6, 0.2, 0.2, 0.0]) {
            assert!((p - expected).abs() < 1e-7, "{p} is not {expected}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for value in [f32::NAN, f32::INFINITY] {
            let error = ranked(&[0.0, 1.0, value, value]).unwrap_err();
            assert!(matches!(error, SamplingError::NotFinite { token: 2, .. }), "{error}");
        }
    }

    #[test]
    fn a_mean_needs_two_tokens() {
        let surprise = |nll: &[f64]| Surprise { expected: vec![0; nll.len() + 1], nll: nll.to_vec() };
        assert_eq!((surprise(&[]).mean_nll(), surprise(&[1.0, 2.0]).mean_nll()), (None, Some(1.5)));
    }
}
