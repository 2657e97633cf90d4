//! The memory for Argon2.

use argon2::Block;

/// The least address space to allocate; the unneeded part is never touched. glibc uses a separate mapping for more than 32 MiB
/// (mallopt(3), `DEFAULT_MMAP_THRESHOLD_MAX`), which is returned to the system when it is freed; it would retain a smaller allocation, once
/// per thread that has freed one.
const MAPPED_BYTES: usize = 33 * 1024 * 1024;

/// This many blocks.
pub(super) fn blocks(count: usize) -> Vec<Block> {
    let mut blocks = Vec::with_capacity(count.max(MAPPED_BYTES / Block::SIZE));
    blocks.resize(count, Block::default());
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_much_as_is_needed_in_a_mapping_of_its_own() {
        for count in [8, argon2::Params::DEFAULT.block_count(), 100_000] {
            let blocks = blocks(count);
            assert_eq!(blocks.len(), count);
            assert!(blocks.capacity() * Block::SIZE >= MAPPED_BYTES);
        }
    }
}
