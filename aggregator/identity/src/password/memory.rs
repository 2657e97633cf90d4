//! The memory in which Argon2 works.

use argon2::Block;

/// As much of the address space goes with it at least, of which what is not needed is never touched. glibc gives more than 32 MiB
/// (mallopt(3), `DEFAULT_MMAP_THRESHOLD_MAX`) a mapping of its own, which goes back to the system when it is freed; what is smaller it
/// would keep, once for each thread that has freed some.
const MAPPED_BYTES: usize = 33 * 1024 * 1024;

/// So many blocks.
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
