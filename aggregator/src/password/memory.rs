//! The memory in which Argon2 works, used again and again: the allocator keeps what is freed of this size, for each thread that it was
//! freed in, and the process would grow by 19 MiB with many a sign-in.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::{Block, Params};

/// One run's.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    pub fn blocks(&mut self, count: usize) -> &mut [Block] {
        self.0.resize(count, Block::default());
        &mut self.0
    }

    fn is_usual(&self) -> bool {
        self.0.len() <= Params::DEFAULT.block_count()
    }
}

/// Of as many runs as there are at once.
#[derive(Default)]
pub(super) struct Memories(Mutex<Vec<Memory>>);

impl Memories {
    /// Works in one that lies here, or in a new one.
    pub fn with<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        let taken = self.idle().pop();
        let mut memory = taken.unwrap_or_default();
        let done = work(&mut memory);
        if memory.is_usual() {
            self.idle().push(memory);
        }
        done
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memories(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_after_another_needs_one_memory_and_a_costly_one_is_not_kept() {
        let memories = Memories::default();
        let usual = Params::DEFAULT.block_count();
        for _ in 0..3 {
            memories.with(|memory| assert_eq!(memory.blocks(usual).len(), usual));
        }
        assert_eq!(memories.idle().len(), 1);
        memories.with(|_| memories.with(|memory| assert_eq!(memory.blocks(8).len(), 8)));
        assert_eq!(memories.idle().len(), 2);
        memories.with(|memory| assert_eq!(memory.blocks(2 * usual).len(), 2 * usual));
        assert_eq!(memories.idle().len(), 1);
    }
}
