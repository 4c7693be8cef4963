//! The instructions of a core, pass by pass.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use tile_program::Instruction;

use crate::emit::{Emitter, PassEmitter};

/// The instructions of a core's part of a pass. When they end, the emitter goes back to the core's
/// program, for the next pass.
pub(crate) struct Instructions {
    /// What makes them; `None` when they have ended.
    pub(super) pass: Option<PassEmitter>,
    /// What is added to the number of an operation to tell it from those of other cores.
    pub(super) first: u32,
    /// Where the emitter goes at the end.
    pub(super) emitter: Rc<RefCell<Option<Emitter>>>,
}

impl Instructions {
    /// Whether all instructions have been handed out.
    pub(crate) const fn is_over(&self) -> bool {
        self.pass.is_none()
    }
}

impl Iterator for Instructions {
    type Item = Poll<Instruction>;

    fn next(&mut self) -> Option<Self::Item> {
        let instruction = self.pass.as_mut()?.next();
        if instruction.is_none()
            && let Some(pass) = self.pass.take()
        {
            *self.emitter.borrow_mut() = Some(pass.finish());
        }
        instruction.map(|instruction| {
            instruction.map(|mut instruction| {
                instruction.operation.0 += self.first;
                instruction
            })
        })
    }
}
