//! Where each tensor lies in the file, what other formats would round away of it, and how its values are distributed.

use super::{CollectError, Done, Run};
use crate::measure::inspect::{Part, tensor_reports};
use crate::measure::record::schema::{HistogramRecord, Name, Record, TensorRecord};
use crate::quant::{self, GgmlType};

/// Formats whose rounding is measured.
const FORMATS: [GgmlType; 5] = [GgmlType::Q8_0, GgmlType::Q6_K, GgmlType::Q5_0, GgmlType::Q4_K, GgmlType::Q4_0];
/// Values of a tensor that are looked at: whole blocks, spread over the tensor.
const SAMPLED: usize = 1 << 15;
/// Values in the largest block.
const BLOCK: usize = 256;
/// Bins of a histogram.
const BINS: usize = 61;

pub(super) fn tensors(run: &mut Run<'_>) -> Done {
    let gguf = run.model.gguf().clone();
    let reports = tensor_reports(&gguf);
    let shown = histogram_tensors(&reports.iter().map(|report| report.name.as_str()).collect::<Vec<_>>());
    for report in reports {
        let Some(info) = gguf.tensor(&report.name) else { continue };
        let values = if info.shape().len() > 1 { sample(info.ty, gguf.data(&info)) } else { Vec::new() };
        let offset = (gguf.data_offset() as u64) + report.offset;
        run.record(Record::Tensor(TensorRecord {
            kind: kind(report.part),
            layer: layer(&report.name),
            rounding: roundings(info.ty, &values),
            name: report.name.clone(),
            format: report.format,
            offset,
            bytes: report.bytes,
        }))?;
        if shown.contains(&report.name) && !values.is_empty() {
            run.record(Record::Histogram(histogram(report.name, &values)))?;
        }
        if !run.next("reading the file") {
            return Ok(false);
        }
    }
    Ok::<_, CollectError>(true)
}

/// The tensors whose values are drawn: one of the first block, one of the last.
fn histogram_tensors(names: &[&str]) -> Vec<String> {
    let of = |role: &'static str| names.iter().filter(move |name| name.ends_with(role)).copied();
    let both = |role: &'static str| [of(role).next(), of(role).last()];
    let mut shown: Vec<String> =
        [both("ffn_down.weight"), both("attn_v.weight")].into_iter().flatten().flatten().map(str::to_owned).collect();
    shown.dedup();
    shown
}

/// The part in words of charts.
fn kind(part: Part) -> Name {
    Name::from(match part {
        Part::Embedding => "embedding",
        Part::Attention => "attention",
        Part::FeedForward => "feed_forward",
        Part::Norms => "norms",
        Part::Output => "unembedding",
        Part::Other => "other",
    })
}

/// The block in a tensor's name.
fn layer(name: &str) -> Option<usize> {
    name.strip_prefix("blk.")?.split('.').next()?.parse().ok()
}

/// At most [`SAMPLED`] values, in whole blocks from all over the tensor. None if its format has no decoder.
fn sample(ty: GgmlType, data: &[u8]) -> Vec<f32> {
    let (len, bytes) = (ty.block_len(), ty.block_bytes());
    let blocks = data.len() / bytes.max(1);
    let run = BLOCK.div_ceil(len); // blocks side by side
    let runs = (SAMPLED / BLOCK).min(blocks / run.max(1)).max(1);
    let mut values = Vec::with_capacity(runs * run * len);
    for i in 0..runs {
        let first = (blocks / runs) * i;
        let part = &data[first * bytes..(first + run).min(blocks) * bytes];
        let start = values.len();
        values.resize(start + part.len() / bytes * len, 0.0);
        if quant::dequantize(ty, part, &mut values[start..]).is_err() {
            return Vec::new();
        }
    }
    values.truncate(values.len() / BLOCK * BLOCK);
    values
}

/// The relative RMS error of each format. A format that is not rounder than the file's own is left out: its error would say
/// something about the two grids and not about the tensor.
fn roundings(ty: GgmlType, values: &[f32]) -> Vec<(String, f64)> {
    let bits = |ty: GgmlType| 8.0 * ty.block_bytes() as f64 / ty.block_len() as f64;
    let coarser = FORMATS.into_iter().filter(|&format| bits(format) < bits(ty));
    coarser.filter_map(|format| Some((format.name().to_owned(), rounding(format, values)?))).collect()
}

/// `None` without values, or if a value cannot be stored in the format.
fn rounding(format: GgmlType, values: &[f32]) -> Option<f64> {
    let mut stored = vec![0; values.len() / format.block_len() * format.block_bytes()];
    let mut back = vec![0.0; values.len()];
    quant::quantize(format, values, &mut stored).ok()?;
    quant::dequantize(format, &stored, &mut back).ok()?;
    let size: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
    let error: f64 = values.iter().zip(&back).map(|(&x, &y)| f64::from(x - y).powi(2)).sum();
    (size > 0.0).then(|| (error / size).sqrt())
}

fn histogram(name: String, values: &[f32]) -> HistogramRecord {
    let largest = values.iter().fold(0.0_f64, |max, &x| max.max(f64::from(x).abs())).max(f64::MIN_POSITIVE);
    let mut counts = vec![0; BINS];
    for &x in values {
        let at = (f64::from(x) / largest + 1.0) / 2.0 * BINS as f64;
        counts[(at as usize).min(BINS - 1)] += 1;
    }
    HistogramRecord { name, low: -largest, high: largest, counts, level_step: None }
}
