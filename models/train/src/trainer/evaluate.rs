//! [`evaluate`]: what a model file has learned, run as any user would run it.
//!
//! Losses come from the trainer's forward pass over the file's own (quantised) weights; everything that is generated
//! comes from `cutaway`'s naive path.

use super::data::Windows;
use super::model::{Model, Tape};
use super::training;
use super::{corpus_ids, export};
use crate::language::Split;
use crate::language::evaluation::{Evaluation, Examination, evaluation};
use anyhow::{Context, Result, bail};
use cutaway::engine::generate::generate;
use cutaway::engine::{Engine, GenerateOptions, Generated, Session, SessionOptions, StopReason};
use cutaway::gguf::Gguf;
use cutaway::model::LoadOptions;
use cutaway::observe::Off;
use cutaway::sampling::{Chain, SamplingParams};
use cutaway::tokenizer::{EncodeOptions, Tokenizer};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Windows for each of the two losses.
const WINDOWS: usize = 100;
/// Seed of the training text; see [`corpus_ids`].
pub const TRAINING_SEED: u64 = 1;
/// Seed of the text and the prompts for examinations.
const HELD_OUT_SEED: u64 = 1_000_001;
/// As one may expect of `generate`.
const TEMPERATURE: f32 = 0.8;

/// One line of the family's table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The file's `general.basename`.
    pub name: String,
    /// Weights.
    pub parameters: usize,
    /// Weights at work for one token.
    pub active: usize,
    /// Length of the file.
    pub bytes: u64,
    /// What one position adds to an F16 cache.
    pub kv_bytes_per_token: usize,
    /// Nats per token on text it has learned from.
    pub train_loss: f64,
    /// Nats per token on text it has not.
    pub held_out_loss: f64,
    /// e to the power of that.
    pub held_out_perplexity: f64,
    /// Largest difference to the naive path's logits, relative to their size (root mean squares).
    pub naive_difference: f64,
    /// Requests for records that were answered by JSON and nothing else.
    pub json_valid: Score,
    /// … and by exactly the right record.
    pub json_right: Score,
    /// Questions about stories.
    pub answers_right: Score,
    /// Sums.
    pub sums_right: Score,
    /// Prompt and continuation.
    pub stories: Vec<(String, String)>,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Score {
    /// Successes.
    pub right: usize,
    /// Trials.
    pub of: usize,
}

impl Score {
    fn add(&mut self, success: bool) {
        self.right += usize::from(success);
        self.of += 1;
    }
}

/// Examines a model file.
pub fn evaluate(path: &Path) -> Result<Report> {
    let (model, params) = export::from_gguf(path)?;
    let gguf = Arc::new(Gguf::open(path)?);
    let mut runner = Runner::new(Arc::clone(&gguf))?;

    let loss = |seed, split| -> Result<f64> {
        let mut windows = Windows::new(corpus_ids(seed, split)?);
        let windows: Option<Vec<_>> = (0..WINDOWS).map(|_| windows.next(model.config.n_ctx)).collect();
        Ok(training::loss(&model, &params, &windows.context("the corpus is endless")?))
    };
    let (train_loss, held_out_loss) = (loss(TRAINING_SEED, Split::Train)?, loss(HELD_OUT_SEED, Split::HeldOut)?);
    let mut report = Report {
        name: model.config.name.clone(),
        parameters: model.layout.len(),
        active: model.layout.n_active(&model.config),
        bytes: gguf.file_bytes(),
        kv_bytes_per_token: 2 * 2 * model.config.n_embd_kv() * model.config.n_layer,
        train_loss,
        held_out_loss,
        held_out_perplexity: held_out_loss.exp(),
        naive_difference: naive_difference(&model, &params, &mut runner)?,
        json_valid: Score::default(),
        json_right: Score::default(),
        answers_right: Score::default(),
        sums_right: Score::default(),
        stories: vec![],
    };
    for seed in [HELD_OUT_SEED, HELD_OUT_SEED + 1] {
        let evaluation = evaluation(seed);
        runner.examine(&evaluation, &mut report)?;
        if report.stories.is_empty() {
            report.stories = runner.tell(&evaluation.openings)?;
        }
    }
    Ok(report)
}

/// The trainer's logits against those of `cutaway`'s naive path, over one window.
pub fn naive_difference(model: &Model, params: &[f32], runner: &mut Runner) -> Result<f64> {
    let window = Windows::new(corpus_ids(HELD_OUT_SEED, Split::HeldOut)?).next(256).context("the corpus is endless")?;
    let mut tape = Tape::default();
    model.forward(params, &window.tokens, window.tokens.len(), &mut tape);
    let mut session = Session::new(&mut runner.engine, SessionOptions::default());
    let (mut difference, mut size, mut row) = (0.0, 0.0, 0);
    session.score(&window.tokens, &mut Off, |logits| {
        for naive in logits.rows() {
            let ours = &tape.logits[row * model.config.n_vocab..][..model.config.n_vocab];
            for (&a, &b) in naive.iter().zip(ours) {
                difference += f64::from(a - b).powi(2);
                size += f64::from(a).powi(2);
            }
            row += 1;
        }
    })?;
    Ok((difference / size).sqrt())
}

/// A model file, ready to run.
#[derive(Debug)]
pub struct Runner {
    /// The naive path.
    pub engine: Engine,
    /// The file's tokenizer.
    pub tokenizer: Tokenizer,
}

impl Runner {
    /// Prepares a file for the naive path.
    pub fn new(gguf: Arc<Gguf>) -> Result<Self> {
        let tokenizer = Tokenizer::from_metadata(gguf.metadata())?;
        let model = cutaway::model::Model::load(gguf, LoadOptions::default())?;
        Ok(Self { engine: Engine::naive(&model)?, tokenizer })
    }

    /// Continues a text.
    fn run(&mut self, prompt: &str, params: &SamplingParams, max_tokens: usize) -> Result<Generated> {
        let ids = self.tokenizer.encode(prompt, EncodeOptions::PROMPT);
        let mut session = Session::new(&mut self.engine, SessionOptions::default());
        let options = GenerateOptions { max_tokens: Some(max_tokens), ..GenerateOptions::default() };
        let mut chain = Chain::from_params(params)?;
        Ok(generate(&mut session, &self.tokenizer, &mut chain, &ids, &options, &mut Off, |_| true)?)
    }

    /// Answers at temperature 0.
    fn answer(&mut self, prompt: &str) -> Result<Generated> {
        self.run(prompt, &SamplingParams::greedy(), 160)
    }

    fn examine(&mut self, evaluation: &Evaluation, report: &mut Report) -> Result<()> {
        for Examination { prompt, key } in &evaluation.records {
            let answer = self.answer(prompt)?;
            let ended = matches!(answer.stop, StopReason::EndOfGeneration(_));
            let parsed: Option<serde_json::Value> = serde_json::from_str(&answer.text).ok();
            report.json_valid.add(ended && parsed.as_ref().is_some_and(serde_json::Value::is_object));
            report.json_right.add(answer.text.trim() == key.trim());
        }
        for Examination { prompt, key } in &evaluation.questions {
            report.answers_right.add(self.answer(prompt)?.text.to_lowercase().contains(&key.to_lowercase()));
        }
        for Examination { prompt, key } in &evaluation.sums {
            report.sums_right.add(says_number(&self.answer(prompt)?.text, key));
        }
        Ok(())
    }

    /// A story for each opening.
    fn tell(&mut self, openings: &[String]) -> Result<Vec<(String, String)>> {
        let stories = openings.iter().zip(1..).map(|(opening, seed)| {
            let params = SamplingParams { temperature: TEMPERATURE, seed: Some(seed), ..SamplingParams::default() };
            let story = self.run(opening, &params, 300)?;
            if story.text.is_empty() {
                bail!("no story follows {opening:?}");
            }
            Ok((opening.clone(), story.text))
        });
        stories.collect()
    }
}

/// Whether a text holds the key as numbers of its own: "7" is neither in "17 plums" nor in "7th".
fn says_number(text: &str, key: &str) -> bool {
    let apart = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(key)
        .any(|(at, _)| apart(text[..at].chars().next_back()) && apart(text[at + key.len()..].chars().next()))
}
