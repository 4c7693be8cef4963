//! Bounded links between two components.

use std::collections::VecDeque;

use crate::{ComponentId, Context, Instant, Phase};
use quantities::Cycles;

/// A bounded, ordered link from one component to another, with latency and back-pressure.
///
/// Latency is at least one cycle of the sender's clock, so a ring of channels cannot make a loop
/// without time in it.
#[derive(Debug)]
pub struct Channel<T> {
    sender: ComponentId,
    receiver: ComponentId,
    capacity: usize,
    latency: Cycles,
    /// Items under way or waiting, each with the instant from which it can be received.
    items: VecDeque<(Instant, T)>,
    refused: bool,
}

/// The channel was full: the item comes back, and the sender will be woken when a place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> Channel<T> {
    /// A channel that holds `capacity` items, those under way included.
    ///
    /// # Panics
    /// If capacity or latency is zero: a caller's mistake.
    #[must_use]
    pub fn new(
        sender: ComponentId,
        receiver: ComponentId,
        capacity: usize,
        latency: Cycles,
    ) -> Self {
        assert!(capacity > 0, "a channel without room can never be used");
        assert!(
            !latency.is_zero(),
            "a channel needs a latency of at least one cycle"
        );
        let items = VecDeque::with_capacity(capacity.min(64));
        Self {
            sender,
            receiver,
            capacity,
            latency,
            items,
            refused: false,
        }
    }

    /// Sends an item: it can be received `latency` cycles of the sender's clock from now.
    ///
    /// # Errors
    /// [`Full`] gives the item back; the sender is woken when a place falls free.
    ///
    /// # Panics
    /// If another component than the sender is awake: a caller's mistake.
    pub fn send(&mut self, context: &mut Context<'_>, item: T) -> Result<(), Full<T>> {
        assert_eq!(
            context.who(),
            self.sender,
            "only its sender sends over a channel"
        );
        if self.items.len() == self.capacity {
            self.refused = true;
            return Err(Full(item));
        }
        let edge = context.now() + self.latency;
        let visible = context.timeline().instant(context.domain(), edge);
        self.items.push_back((visible, item));
        context.wake_at(self.receiver, visible, Phase::Deliver);
        Ok(())
    }

    /// Takes the next item that has arrived. A receiver that calls this until it gets `None` is
    /// woken for every later item.
    ///
    /// # Panics
    /// If another component than the receiver is awake: a caller's mistake.
    pub fn receive(&mut self, context: &mut Context<'_>) -> Option<T> {
        assert_eq!(
            context.who(),
            self.receiver,
            "only its receiver receives from a channel"
        );
        let &(visible, _) = self.items.front()?;
        if visible > context.instant() {
            context.wake_at(self.receiver, visible, Phase::Deliver);
            return None;
        }
        if std::mem::take(&mut self.refused) {
            context.wake(self.sender, Phase::Retry);
        }
        self.items.pop_front().map(|(_, item)| item)
    }

    /// Items under way or waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is under way or waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the next [`Channel::send`] would be refused.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.items.len() == self.capacity
    }

    /// Who sends.
    #[must_use]
    pub fn sender(&self) -> ComponentId {
        self.sender
    }

    /// Who receives.
    #[must_use]
    pub fn receiver(&self) -> ComponentId {
        self.receiver
    }
}
