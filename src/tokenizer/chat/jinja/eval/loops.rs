//! `for` loops.
//!
//! Look first at [`Interpreter::run_for`]. The condition of a loop (`for x in y if z`) is asked for an item when the loop
//! comes to it, not before, because the body may change what it asks; looking ahead (`loop.last`) asks it earlier. That is
//! what Jinja does.

use super::super::ast::{For, Statement};
use super::super::error::Run;
use super::super::value::{Items, Live, Value};
use super::Interpreter;
use super::statements::Flow;
use std::collections::VecDeque;
use std::sync::Arc;

/// A loop that runs.
pub(super) struct LoopState<'t> {
    for_: &'t For,
    /// The scope around the loop, in which its condition is asked.
    scope: usize,
    items: Arc<Items>,
    /// Items that were looked at.
    taken: usize,
    /// Items found by looking ahead.
    ahead: VecDeque<Value>,
    /// Rounds begun.
    pub(super) rounds: usize,
    pub(super) previous: Option<Value>,
    pub(super) current: Option<Value>,
    /// What `loop.changed` was told last.
    pub(super) changed: Option<Vec<Value>>,
}

impl<'t> Interpreter<'t> {
    pub(super) fn run_for(&mut self, for_: &'t For) -> Run<Flow> {
        let iterable = self.eval(&for_.iterable)?;
        let items = self.items(&iterable).map_err(|fault| fault.at(for_.iterable.at))?;
        let id = self.loops.len();
        self.loops.push(LoopState {
            for_,
            scope: self.scope,
            items,
            taken: 0,
            ahead: VecDeque::new(),
            rounds: 0,
            previous: None,
            current: None,
            changed: None,
        });
        // In Jinja a round that `break` or `continue` cut short does not count for `else`.
        let mut finished_a_round = false;
        while let Some(item) = self.next_item(id)? {
            match self.round(id, &for_.body, item)? {
                Flow::Break => break,
                Flow::Continue => {}
                Flow::Next => finished_a_round = true,
            }
        }
        self.loops.pop();
        if !finished_a_round && !for_.otherwise.is_empty() {
            let back = self.open(self.scope);
            let flow = self.run_all(&for_.otherwise)?;
            self.close(back);
            return Ok(flow);
        }
        Ok(Flow::Next)
    }

    fn round(&mut self, id: usize, body: &'t [Statement], item: Value) -> Run<Flow> {
        let state = &mut self.loops[id];
        let for_ = state.for_;
        state.rounds += 1;
        state.previous = state.current.replace(item.clone());
        let back = self.open(self.scope);
        self.assign_name("loop", Value::Live(Live::Loop(id))).map_err(|fault| fault.at(for_.target.at))?;
        self.assign(&for_.target, item)?;
        let flow = self.run_all(body)?;
        self.close(back);
        Ok(flow)
    }

    /// The next item of a loop, which is then taken.
    fn next_item(&mut self, id: usize) -> Run<Option<Value>> {
        match self.loops[id].ahead.pop_front() {
            Some(item) => Ok(Some(item)),
            None => self.pull(id),
        }
    }

    /// The next item of a loop, which stays.
    pub(super) fn peek_item(&mut self, id: usize) -> Run<Option<Value>> {
        if self.loops[id].ahead.is_empty() {
            let item = self.pull(id)?;
            self.loops[id].ahead.extend(item);
        }
        Ok(self.loops[id].ahead.front().cloned())
    }

    /// How many items are still to come.
    pub(super) fn n_items_left(&mut self, id: usize) -> Run<usize> {
        if self.loops[id].for_.condition.is_some() {
            while let Some(item) = self.pull(id)? {
                self.loops[id].ahead.push_back(item);
            }
        }
        let state = &self.loops[id];
        Ok(state.ahead.len() + state.items.len() - state.taken)
    }

    /// The next item for which the condition holds.
    fn pull(&mut self, id: usize) -> Run<Option<Value>> {
        loop {
            let at = self.loops[id].for_.target.at;
            self.budget.steps(1).map_err(|fault| fault.at(at))?;
            let state = &mut self.loops[id];
            let Some(item) = state.items.get(state.taken).cloned() else { return Ok(None) };
            state.taken += 1;
            let (for_, scope) = (state.for_, state.scope);
            let Some(condition) = &for_.condition else { return Ok(Some(item)) };
            let back = self.open(scope);
            self.assign(&for_.target, item.clone())?;
            let holds = self.eval(condition)?.is_true();
            self.close(back);
            if holds {
                return Ok(Some(item));
            }
        }
    }
}
