//! Whole numbers in requests: their bounds, and refusals that say them.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};

/// Deserializes a whole number within bounds, both of which are allowed.
pub struct WholeNumber {
    /// What it is, for people: the beginning of the rule that a refusal says.
    pub what: &'static str,
    /// The smallest.
    pub least: u64,
    /// The largest.
    pub most: u64,
}

impl Visitor<'_> for WholeNumber {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {} to {}", self.what, self.least, self.most)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        if (self.least..=self.most).contains(&number) {
            return Ok(number);
        }
        Err(E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    /// JSON does not tell 3 from 3.0.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
        let text = (number.fract() == 0.0).then(|| format!("{number:.0}"));
        let text = text
            .as_deref()
            .map(|text| if text == "-0" { "0" } else { text });
        match text.and_then(|text| text.parse().ok()) {
            Some(number) => self.visit_u64(number),
            None => Err(E::invalid_value(Unexpected::Float(number), &self)),
        }
    }
}
