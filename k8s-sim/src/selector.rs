//! Label selectors in both forms of the API: query string and object.

pub mod field;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::store::Object;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Labels {
    /// Parses `app=web,tier!=db,env in (a,b),!legacy`; the error says what was found at which position.
    pub fn parse(text: &str) -> Result<Self, String> {
        split_outside_parentheses(text)
            .filter(|part| !part.is_empty())
            .map(Requirement::parse)
            .collect::<Result<_, _>>()
            .map(Labels)
    }

    pub fn from_object(selector: &LabelSelector) -> Self {
        let equal = selector.match_labels.iter().flatten();
        let equal = equal.map(|(key, value)| Requirement {
            key: key.clone(),
            test: Test::In(vec![value.clone()]),
        });
        let sets = selector.match_expressions.iter().flatten();
        let sets = sets.map(|e| {
            let values = e.values.clone().unwrap_or_default();
            let test = match e.operator.as_str() {
                "In" => Test::In(values),
                "NotIn" => Test::NotIn(values),
                "Exists" => Test::Exists,
                _ => Test::Missing,
            };
            let key = e.key.clone();
            Requirement { key, test }
        });
        Labels(equal.chain(sets).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The selector without its requirements on one label.
    pub fn without(&self, key: &str) -> Self {
        let others = self.0.iter().filter(|requirement| requirement.key != key);
        Labels(others.cloned().collect())
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.accepts(|key| object.label(key))
    }

    pub fn accepts<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| {
            let value = label(&requirement.key);
            match &requirement.test {
                Test::In(values) => value.is_some_and(|v| values.iter().any(|w| w == v)),
                Test::NotIn(values) => value.is_none_or(|v| values.iter().all(|w| w != v)),
                Test::Exists => value.is_some(),
                Test::Missing => value.is_none(),
            }
        })
    }
}

impl Requirement {
    fn parse(text: &str) -> Result<Self, String> {
        let (key, test) = if let Some((key, value)) = text.split_once("!=") {
            (key, Test::NotIn(vec![checked_value(value)?]))
        } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            (key, Test::In(vec![checked_value(value)?]))
        } else if let Some((key, set)) = text.split_once('(') {
            Self::parse_set(key, set)?
        } else if let Some(key) = text.strip_prefix('!') {
            (key, Test::Missing)
        } else {
            (text, Test::Exists)
        };
        let key = key.trim();
        if is_label_key(key) {
            let key = key.to_owned();
            Ok(Self { key, test })
        } else {
            Err(format!(
                "unable to parse requirement: invalid label key \"{key}\""
            ))
        }
    }

    fn parse_set<'a>(key: &'a str, set: &str) -> Result<(&'a str, Test), String> {
        let set = set.trim_end().strip_suffix(')').ok_or_else(|| {
            format!("unable to parse requirement: found '{set}', expected: ',' or ')'")
        })?;
        let values: Result<Vec<_>, _> = set.split(',').map(checked_value).collect();
        match key.trim().rsplit_once(char::is_whitespace) {
            Some((key, "in")) => Ok((key, Test::In(values?))),
            Some((key, "notin")) => Ok((key, Test::NotIn(values?))),
            _ => Err(format!(
                "unable to parse requirement: found '{key}', expected: in, notin"
            )),
        }
    }
}

fn split_outside_parentheses(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
}

fn is_label_key(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    !name.is_empty() && is_label_value(name) && key.matches('/').count() <= 1
}

fn checked_value(value: &str) -> Result<String, String> {
    let value = value.trim();
    if is_label_value(value) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "unable to parse requirement: invalid label value \"{value}\""
        ))
    }
}

fn is_label_value(value: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    value.len() <= 63
        && value.chars().all(inner)
        && end(value.chars().next())
        && end(value.chars().next_back())
}
