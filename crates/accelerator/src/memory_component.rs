//! The memory of a chip as a component: in the memory's own clock, woken when a channel is due.

use event_kernel::{Component, Context, WaitsFor};
use tile_program::Observer;

use crate::world::World;

/// Wakes the channels of a chip's memory.
pub(crate) struct MemoryComponent {
    /// The place of the memory among those of the machine.
    pub(crate) memory: usize,
}

impl<O: Observer> Component<World<'_, O>> for MemoryComponent {
    fn wake(&mut self, world: &mut World<'_, O>, context: &mut Context<'_>) {
        let reference = world.reference;
        world.memories[self.memory].advance_due(context, reference);
    }

    fn waits_for(&self, world: &World<'_, O>) -> Option<WaitsFor> {
        let waiting = world.memories[self.memory].requests_under_way();
        (waiting > 0).then(|| WaitsFor {
            whom: None,
            what: format!("{waiting} requests undone"),
        })
    }
}
