//! Interns texts that several clusters name.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The interned texts, each with a number.
pub type Numbers = HashMap<Box<str>, usize, RandomState>;

/// The number of a text, assigned when it is first seen.
pub fn number(numbers: &mut Numbers, text: &str) -> usize {
    if let Some(number) = numbers.get(text) {
        return *number;
    }
    let number = numbers.len();
    numbers.insert(text.into(), number);
    number
}
