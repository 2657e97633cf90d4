//! Label selectors as Kubernetes writes them: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. Pure.
//!
//! Source of the grammar: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>.

mod parse;

/// All of its requirements must be met; an empty selector matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    /// Also matches if the label is absent, as in Kubernetes.
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

/// The text is not a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at position {position}")]
pub struct SelectorError {
    what: String,
    /// The position in characters, counted from 0.
    pub position: usize,
}

impl Selector {
    /// Parses a selector.
    ///
    /// # Errors
    /// The first error and its position.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::selector(text).map_err(|(position, what)| SelectorError { what, position })
    }

    /// Whether it selects an object; `label` returns the value of a key.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|r| r.test.matches(label(&r.key)))
    }
}

impl Test {
    fn matches(&self, value: Option<&str>) -> bool {
        let among = |values: &[String]| value.is_some_and(|v| values.iter().any(|x| x == v));
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::In(values) => among(values),
            Self::NotIn(values) => !among(values),
            Self::Above(bound) => number().is_some_and(|n| n > *bound),
            Self::Below(bound) => number().is_some_and(|n| n < *bound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&'static str, &'static str)]) -> bool {
        let label = |key: &str| labels.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        Selector::parse(selector).expect(selector).matches(label)
    }

    #[test]
    fn every_operator_decides_as_in_kubernetes() {
        let labels = [("tier", "web"), ("weight", "5"), ("empty", ""), ("in", "x")];
        for (selector, expected) in [
            ("", true),
            ("tier=web", true),
            ("tier==web", true),
            ("tier = web , weight", true),
            ("tier=api", false),
            ("tier!=api", true),
            ("tier!=web", false),
            ("absent!=x", true),
            ("tier in (api, web)", true),
            ("tier in (api)", false),
            ("tier notin (api)", true),
            ("absent notin (a,b)", true),
            ("tier notin (web)", false),
            ("absent in (a)", false),
            ("tier", true),
            ("absent", false),
            ("!absent", true),
            ("! tier", false),
            ("weight>4", true),
            ("weight > 5", false),
            ("weight<6,tier", true),
            ("tier>1", false),
            ("empty=", true),
            ("empty in ()", true),
            ("tier=", false),
            ("in in (x)", true),
            ("in", true),
            ("in=x", true),
        ] {
            assert_eq!(selects(selector, &labels), expected, "{selector:?}");
        }
    }

    #[test]
    fn a_wrong_selector_is_rejected_with_the_position_of_the_error() {
        for (selector, position) in [
            ("=", 0),
            ("a=b,", 4),
            ("a in b", 5),
            ("a in (b", 7),
            ("a b", 2),
            ("a>x", 2),
            ("a=b c", 4),
            ("!", 1),
            ("a=b,,c", 4),
            ("-a", 0),
            ("a=\u{e9}", 2),
            ("a\n=b;DROP", 3),
            ("a/b/c", 0),
        ] {
            let error = Selector::parse(selector).unwrap_err();
            assert_eq!(error.position, position, "{selector:?}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
            let _ = Selector::parse(&text);
        }

        #[test]
        fn an_equality_selects_just_what_it_says(
            key in "[a-z]([a-z0-9./-]{0,5}[a-z0-9])?", value in "[a-z0-9]{0,5}", other in "[a-z0-9]{0,5}"
        ) {
            if let Ok(selector) = Selector::parse(&format!("{key}={value}")) {
                let label = |k: &str| (k == key).then_some(other.as_str());
                proptest::prop_assert_eq!(selector.matches(label), value == other);
            }
        }
    }
}
