//! Sorting with comparisons that can fail.
//!
//! A merge sort of our own: the standard library's takes comparisons that always answer, and may panic where an order is
//! none.

use super::super::budget::Budget;
use super::super::error::{Fault, Run};
use super::super::value::Value;
use super::super::value::compare::order;
use std::cmp::Ordering;

/// The things behind the keys, sorted by them; equal ones keep the order they have. Errors: keys without an order.
pub(super) fn by_keys<T>(pairs: Vec<(Vec<Value>, T)>, reverse: bool, budget: &mut Budget) -> Run<Vec<T>> {
    Ok(merge_sort(pairs, reverse, budget)?.into_iter().map(|(_, thing)| thing).collect())
}

type Keyed<T> = (Vec<Value>, T);

fn merge_sort<T>(mut left: Vec<Keyed<T>>, reverse: bool, budget: &mut Budget) -> Run<Vec<Keyed<T>>> {
    if left.len() < 2 {
        return Ok(left);
    }
    let right = left.split_off(left.len() / 2);
    let mut left = merge_sort(left, reverse, budget)?.into_iter().peekable();
    let mut right = merge_sort(right, reverse, budget)?.into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let right_first = if reverse { before(a, b, budget)? } else { before(b, a, budget)? };
        merged.extend(if right_first { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

/// Does `a` come before `b`?
fn before(a: &[Value], b: &[Value], budget: &mut Budget) -> Run<bool> {
    for (a, b) in a.iter().zip(b) {
        match order(a, b, budget)? {
            Some(Ordering::Equal) => {}
            Some(order) => return Ok(order.is_lt()),
            None => return Err(Fault::unsupported("sorting what is not a number (NaN)")),
        }
    }
    Ok(false)
}
