//! Texts that several clusters name, each kept once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Texts that any of the clusters has named, each with a number.
pub type Numbers = HashMap<Box<str>, usize, RandomState>;

/// The number of a text, which it gets when it is named first.
pub fn number(numbers: &mut Numbers, text: &str) -> usize {
    if let Some(number) = numbers.get(text) {
        return *number;
    }
    let number = numbers.len();
    numbers.insert(text.into(), number);
    number
}
