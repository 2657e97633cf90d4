//! Values of a strategy: numbers or percentages of the targets, and lengths of time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A number of targets, or a percentage of all targets: `5` or `"10%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    /// This many.
    Count(u32),
    /// This percentage, 0 to 100.
    Percent(u32),
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        let count = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(u32::MAX));
        let percent = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^([0-9]{1,2}|100)%$"));
        OneOfBuilder::new()
            .item(count)
            .item(percent)
            .description(Some(
                "A number of targets such as `5`, or a percentage of all targets such as `\"10%\"`.",
            ))
            .into()
    }
}

impl ToSchema for Amount {}

/// The text is not a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a number such as 5, or a percentage from \"0%\" to \"100%\"")]
pub struct AmountError;

impl Amount {
    /// How many of `total`, rounded up.
    #[must_use]
    pub fn of_rounded_up(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count.min(total),
            Self::Percent(percent) => scaled(percent, total, 99),
        }
    }

    /// How many of `total`, rounded down.
    #[must_use]
    pub fn of_rounded_down(self, total: u32) -> u32 {
        match self {
            Self::Count(count) => count.min(total),
            Self::Percent(percent) => scaled(percent, total, 0),
        }
    }

    /// Whether it is zero of any total.
    #[must_use]
    pub fn is_zero(self) -> bool {
        matches!(self, Self::Count(0) | Self::Percent(0))
    }
}

fn scaled(percent: u32, total: u32, rounding: u64) -> u32 {
    let scaled = (u64::from(total) * u64::from(percent) + rounding) / 100;
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let digits = text.strip_suffix('%').ok_or(AmountError)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let percent = digits.parse().ok().filter(|percent| *percent <= 100);
        let percent = percent.filter(|_| is_number);
        percent.map(Self::Percent).ok_or(AmountError)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Count(u32),
            Percent(String),
        }
        match Written::deserialize(deserializer) {
            Ok(Written::Count(count)) => Ok(Self::Count(count)),
            Ok(Written::Percent(text)) => text.parse().map_err(de::Error::custom),
            Err(_) => Err(de::Error::custom(AmountError)),
        }
    }
}

/// A length of time as text: `30s`, `10m`, `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^([0-9]+[hms])+$", examples("30s", "10m"))]
pub struct Interval(SignedDuration);

/// The text is not a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("use a length of time such as \"30s\", \"10m\" or \"1h30m\", up to a week")]
pub struct IntervalError;

const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Interval {
    /// This many seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(seconds))
    }

    /// As a difference between timestamps.
    #[must_use]
    pub fn signed(self) -> SignedDuration {
        self.0
    }

    /// As a timer's length.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::try_from(self.0).unwrap_or_default()
    }
}

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Self, IntervalError> {
        let legal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'h' | b'm' | b's');
        if text.is_empty() || !text.bytes().all(legal) {
            return Err(IntervalError);
        }
        let length: SignedDuration = text.parse().map_err(|_| IntervalError)?;
        (length <= LONGEST)
            .then_some(Self(length))
            .ok_or(IntervalError)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [
            (seconds / 3600, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ];
        if seconds == 0 {
            return f.write_str("0s");
        }
        let mut parts = parts.into_iter().filter(|(number, _)| *number > 0);
        parts.try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

impl Serialize for Interval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Interval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_amount_is_a_number_or_a_percentage_and_nothing_else() {
        for (json, expected) in [
            (json!(5), Some(Amount::Count(5))),
            (json!("10%"), Some(Amount::Percent(10))),
            (json!("100%"), Some(Amount::Percent(100))),
            (json!("101%"), None),
            (json!("-1%"), None),
            (json!("+1%"), None),
            (json!("10"), None),
            (json!("%"), None),
            (json!(-1), None),
            (json!(1.5), None),
        ] {
            let read = serde_json::from_value::<Amount>(json.clone());
            match (read, expected) {
                (Ok(amount), Some(expected)) => {
                    assert_eq!(amount, expected);
                    assert_eq!(serde_json::to_value(amount).unwrap(), json);
                }
                (Err(error), None) => assert!(error.to_string().contains("0%"), "{error}"),
                (read, _) => panic!("{json}: {read:?}"),
            }
        }
    }

    #[test]
    fn concurrency_rounds_up_and_failures_round_down() {
        let ten = Amount::Percent(10);
        assert_eq!((ten.of_rounded_up(412), ten.of_rounded_down(412)), (42, 41));
        assert_eq!((ten.of_rounded_up(1), ten.of_rounded_down(1)), (1, 0));
        assert_eq!(Amount::Count(50).of_rounded_up(3), 3);
    }

    #[test]
    fn an_interval_is_read_and_written_back_in_the_same_units() {
        for (text, seconds) in [("30s", 30), ("10m", 600), ("1h30m", 5400), ("0s", 0)] {
            let interval: Interval = text.parse().unwrap();
            assert_eq!(interval.signed().as_secs(), seconds);
            assert_eq!(interval.to_string(), text);
        }
        for text in [
            "",
            "10",
            "m",
            "1d",
            "-1s",
            "1.5s",
            "P1D",
            "169h",
            "99999999999999999999h",
        ] {
            assert_eq!(text.parse::<Interval>(), Err(IntervalError), "{text}");
        }
    }
}
