//! One line of the table.

use serde::Serialize;

/// A figure, the peer's figure in the same run, and the targets.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    pub peer: Option<&'static str>,
    pub peer_value: Option<f64>,
    /// The value divided by the peer's.
    pub ratio: Option<f64>,
    /// The target as text.
    pub target: Option<String>,
    /// `None` if there is no target, or no peer to compare with.
    pub met: Option<bool>,
}

/// The target of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// The value, at most.
    AtMost(f64),
    /// The ratio, at most.
    TimesAtMost(f64),
    /// The ratio, at least.
    TimesAtLeast(f64),
    /// The value minus the peer's, at most.
    AddsAtMost(f64),
}

impl Row {
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            peer: None,
            peer_value: None,
            ratio: None,
            target: None,
            met: None,
        }
    }

    /// The ratio is given: the median of the rounds' ratios is not the ratio of their medians.
    pub fn against(self, peer: &'static str, peer_value: f64, ratio: f64) -> Self {
        Self {
            peer: Some(peer),
            peer_value: Some(peer_value),
            ratio: Some(ratio),
            ..self
        }
    }

    /// All of these must be met.
    pub fn target(self, targets: &[Target]) -> Self {
        let met: Option<Vec<bool>> = targets.iter().map(|target| target.met(&self)).collect();
        let words: Vec<String> = targets
            .iter()
            .map(|target| target.words(self.unit))
            .collect();
        Self {
            met: met.map(|met| met.into_iter().all(|met| met)),
            target: Some(words.join(", ")),
            ..self
        }
    }
}

impl Target {
    fn met(self, row: &Row) -> Option<bool> {
        match self {
            Self::AtMost(most) => Some(row.value <= most),
            Self::TimesAtMost(most) => row.ratio.map(|ratio| ratio <= most),
            Self::TimesAtLeast(least) => row.ratio.map(|ratio| ratio >= least),
            Self::AddsAtMost(most) => row.peer_value.map(|peer| row.value - peer <= most),
        }
    }

    fn words(self, unit: &str) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {most} {unit}"),
            Self::TimesAtMost(most) => format!("≤ {most} ×"),
            Self::TimesAtLeast(least) => format!("≥ {least} ×"),
            Self::AddsAtMost(most) => format!("≤ peer + {most} {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_meets_its_target_only_with_all_of_it() {
        let row = || Row::new("fleet", 50.0, "ms").against("bare", 20.0, 2.5);
        assert_eq!(row().target(&[Target::AtMost(50.0)]).met, Some(true));
        assert_eq!(row().target(&[Target::AtMost(49.0)]).met, Some(false));
        assert_eq!(row().target(&[Target::TimesAtMost(2.5)]).met, Some(true));
        assert_eq!(row().target(&[Target::TimesAtLeast(2.6)]).met, Some(false));
        assert_eq!(row().target(&[Target::AddsAtMost(30.0)]).met, Some(true));
        assert_eq!(row().target(&[Target::AddsAtMost(29.0)]).met, Some(false));
        let both = [Target::AtMost(60.0), Target::TimesAtMost(2.0)];
        assert_eq!(row().target(&both).met, Some(false));
        let words = row().target(&both).target;
        assert_eq!(words.as_deref(), Some("≤ 60 ms, ≤ 2 ×"));
    }

    #[test]
    fn without_a_peer_a_ratio_is_neither_met_nor_missed() {
        let row = Row::new("callers", 9000.0, "1/s").target(&[Target::TimesAtLeast(25.0)]);
        assert_eq!(row.met, None);
    }
}
