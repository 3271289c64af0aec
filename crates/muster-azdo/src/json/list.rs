//! A list answer, read item by item.

use super::scanner::{ListFault, ListScanner};
use super::{Wire, describe};
use crate::answer::Answer;
use crate::error::CallError;
use std::collections::VecDeque;

/// What is known about a list before it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListShape {
    /// One page of several: `count` need not be its length.
    Page,
    /// All there is: `count` is its length, and another one means that something was lost on the way.
    Whole,
}

/// Reads the items of a list as they arrive.
pub(crate) struct ListReader<W: Wire> {
    state: State,
    shape: ListShape,
    items: VecDeque<W::Item>,
}

enum State {
    Arriving(Box<(Answer, ListScanner)>),
    Complete,
    Failed(CallError),
}

impl<W: Wire> ListReader<W> {
    pub(crate) fn new(answer: Answer, shape: ListShape) -> Self {
        Self::scanning(ListScanner::default(), answer, shape)
    }

    /// The list in the property `name` of an answer that is more than a list.
    pub(crate) fn of_property(name: &'static str, answer: Answer) -> Self {
        Self::scanning(ListScanner::of(name), answer, ListShape::Whole)
    }

    fn scanning(scanner: ListScanner, answer: Answer, shape: ListShape) -> Self {
        let state = State::Arriving(Box::new((answer, scanner)));
        Self { state, shape, items: VecDeque::new() }
    }

    /// Reads the whole list.
    ///
    /// # Errors
    /// When it does not arrive whole or breaks the contract; nothing of it is handed out then.
    pub(crate) async fn collect(mut self) -> Result<Vec<W::Item>, CallError> {
        let mut items = Vec::new();
        while let Some(batch) = self.next_batch(usize::MAX).await? {
            items.extend(batch);
        }
        Ok(items)
    }

    /// Up to `size` more items; `None` once the list has ended well.
    ///
    /// # Errors
    /// When it does not arrive whole or breaks the contract; every later call says so again.
    pub(crate) async fn next_batch(&mut self, size: usize) -> Result<Option<Vec<W::Item>>, CallError> {
        while self.items.len() < size {
            match &mut self.state {
                State::Failed(error) => return Err(error.clone()),
                State::Complete => break,
                State::Arriving(_) => {
                    if let Err(error) = self.advance().await {
                        self.state = State::Failed(error);
                    }
                }
            }
        }
        let length = self.items.len().min(size);
        let batch: Vec<W::Item> = self.items.drain(..length).collect();
        Ok((!batch.is_empty()).then_some(batch))
    }

    async fn advance(&mut self) -> Result<(), CallError> {
        let State::Arriving(arriving) = &mut self.state else { return Ok(()) };
        let (answer, scanner) = arriving.as_mut();
        if let Some(chunk) = answer.chunk().await? {
            let items = &mut self.items;
            let fed = scanner.feed(chunk.as_ref(), &mut |element| {
                items.push_back(parse::<W>(element)?);
                Ok(())
            });
            return fed.map_err(|fault| answer.fault(fault));
        }
        let envelope = std::mem::take(scanner).finish().map_err(|fault| answer.fault(fault))?;
        let expected = envelope.count.filter(|_| self.shape == ListShape::Whole);
        if expected.is_some_and(|count| u64::try_from(envelope.elements) != Ok(count)) {
            let detail = "the list does not hold as many elements as it says";
            return Err(answer.fault(ListFault::shape(detail)));
        }
        self.state = State::Complete;
        Ok(())
    }
}

fn parse<W: Wire>(element: &[u8]) -> Result<W::Item, ListFault> {
    let wire: W = serde_json::from_slice(element)
        .map_err(|error| ListFault::shape(format!("an element of the list: {}", describe(&error))))?;
    wire.into_item().map_err(|violation| ListFault::shape(format!("an element of the list: {}", violation.0)))
}
