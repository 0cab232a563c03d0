//! [`train`]: batches → weights.
//!
//! Look first at [`train`]. A batch is [`BATCH`] tokens; threads, if there are several, share its sequences and their
//! gradients are added.

use super::data::{Window, Windows, length_of_step};
use super::model::{Model, Tape};
use super::optimizer::Optimizer;
use super::schedule::Schedule;
use std::time::Instant;

/// Tokens in a batch, and so between two steps of the optimizer. Half as many looked better up to a million tokens
/// (loss 1.40 against 1.77 after 400,000), but then stayed behind, and did not learn to copy names in four million;
/// that was with AdamW, and before heads began as copiers.
pub const BATCH: usize = 2048;
/// Tokens that go through the model together: as many as keep the processor's caches busy and not more.
const CHUNK: usize = 512;

/// What a training is told.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Tokens to learn from.
    pub tokens: usize,
    /// Seed of the first weights.
    pub seed: u64,
    /// Highest learning rate.
    pub peak: f32,
    /// Threads that share a batch.
    pub threads: usize,
}

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Tokens seen.
    pub tokens: usize,
    /// Mean loss of the batches since the last line, in nats per token.
    pub loss: f64,
    /// Learning rate of the last step.
    pub lr: f32,
    /// Length of the last gradient, before clipping.
    pub grad_norm: f64,
    /// Seconds since the beginning.
    pub seconds: f64,
}

/// A thread's own memory.
#[derive(Default)]
struct Worker {
    tape: Tape,
    grads: Vec<f32>,
}

/// Trains from random weights. `report` is told every `every` steps, together with the weights.
pub fn train(
    model: &Model,
    plan: &Plan,
    windows: &mut Windows<impl Iterator<Item = Vec<u32>>>,
    every: usize,
    mut report: impl FnMut(Progress, &[f32]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<f32>> {
    let steps = plan.tokens.div_ceil(BATCH);
    let schedule = Schedule { peak: plan.peak, warm_up: (steps / 20).clamp(1, 100), steps };
    let mut params = model.layout.initial(&model.config, plan.seed);
    let mut optimizer = Optimizer::new(&model.layout);
    let mut workers: Vec<Worker> = (0..plan.threads.max(1)).map(|_| Worker::default()).collect();
    for worker in &mut workers {
        worker.grads = vec![0.0; params.len()];
    }

    let started = Instant::now();
    let (mut loss, mut batches) = (0.0, 0);
    for step in 0..steps {
        let n_ctx = length_of_step(step, model.config.n_ctx);
        let batch: Option<Vec<Window>> = (0..BATCH / n_ctx).map(|_| windows.next(n_ctx)).collect();
        let batch = batch.ok_or_else(|| anyhow::anyhow!("the documents ran out at step {step} of {steps}"))?;
        loss += learn(model, &params, &batch, n_ctx, &mut workers);
        batches += 1;
        let lr = schedule.at(step);
        let grads = gather(&mut workers);
        let grad_norm = optimizer.step(&model.layout, &mut params, grads, lr);
        if (step + 1) % every == 0 || step + 1 == steps {
            let seconds = started.elapsed().as_secs_f64();
            let tokens = (step + 1) * BATCH;
            let loss = std::mem::take(&mut loss) / std::mem::take(&mut batches) as f64;
            report(Progress { step: step + 1, tokens, loss, lr, grad_norm, seconds }, &params)?;
        }
    }
    Ok(params)
}

/// Runs a batch forward and backward; gradients gather in the workers. Returns the mean loss.
fn learn(model: &Model, params: &[f32], batch: &[Window], n_ctx: usize, workers: &mut [Worker]) -> f64 {
    let share = batch.len().div_ceil(workers.len());
    let factor = 1.0 / (batch.len() * n_ctx) as f32;
    let run = |worker: &mut Worker, windows: &[Window]| -> f64 {
        let chunks = windows.chunks((CHUNK / n_ctx).max(1));
        let losses = chunks.map(|chunk| {
            let tokens: Vec<u32> = chunk.iter().flat_map(|window| window.tokens.iter().copied()).collect();
            let targets: Vec<u32> = chunk.iter().flat_map(|window| window.targets.iter().copied()).collect();
            let Worker { tape, grads } = worker;
            model.forward(params, &tokens, n_ctx, tape);
            model.backward(params, &tokens, &targets, n_ctx, factor, tape, grads)
        });
        losses.sum()
    };
    let total: f64 = match workers {
        [worker] => run(worker, batch),
        _ => std::thread::scope(|scope| {
            let work = workers.iter_mut().zip(batch.chunks(share));
            let handles: Vec<_> = work.map(|(worker, windows)| scope.spawn(move || run(worker, windows))).collect();
            handles.into_iter().map(|handle| handle.join().expect("arithmetic does not panic")).sum()
        }),
    };
    total / (batch.len() * n_ctx) as f64
}

/// Adds all workers' gradients into the first one's, and clears the others.
fn gather(workers: &mut [Worker]) -> &mut [f32] {
    let [first, others @ ..] = workers else { unreachable!("there is at least one worker") };
    for other in others {
        for (sum, g) in first.grads.iter_mut().zip(&mut other.grads) {
            *sum += std::mem::take(g);
        }
    }
    &mut first.grads
}

/// Mean loss over windows, in nats per token.
pub fn loss(model: &Model, params: &[f32], windows: &[Window]) -> f64 {
    let mut tape = Tape::default();
    let mut total = 0.0;
    for window in windows {
        model.forward(params, &window.tokens, window.tokens.len(), &mut tape);
        total += tape.loss(&window.targets) * window.tokens.len() as f64;
    }
    total / windows.iter().map(|window| window.tokens.len()).sum::<usize>() as f64
}
