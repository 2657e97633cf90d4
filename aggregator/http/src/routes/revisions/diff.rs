//! The difference of two pod templates. Pure.

use std::time::Duration;

use serde_json::Value;
use similar::TextDiff;

use diagnostics::{Problem, ProblemCode};

/// After this time the diff is no longer the shortest one.
const SHORTEST_WITHIN: Duration = Duration::from_millis(200);

/// Unchanged lines around each change.
const CONTEXT: usize = 5;

/// A unified diff of two templates as YAML; empty if they are equal.
///
/// # Errors
/// If a template cannot be written as YAML.
pub fn of(older: &Value, newer: &Value, from: u64, to: u64) -> Result<String, Problem> {
    let yaml = |template: &Value| {
        serde_saphyr::to_string(template).map_err(|error| {
            let detail = format!("a template cannot be written as YAML: {error}");
            Problem::new(ProblemCode::Internal, detail)
        })
    };
    let (older, newer) = (yaml(older)?, yaml(newer)?);
    let lines = TextDiff::configure()
        .timeout(SHORTEST_WITHIN)
        .diff_lines(&older, &newer);
    let diff = lines
        .unified_diff()
        .context_radius(CONTEXT)
        .header(&format!("revision {from}"), &format!("revision {to}"))
        .to_string();
    Ok(diff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(image: &str) -> Value {
        json!({ "spec": {
            "containers": [{ "name": "web", "image": image, "args": ["a: b", "yes", "- x", "two\nlines"] }],
            "terminationGracePeriodSeconds": 30,
        } })
    }

    #[test]
    fn only_what_has_changed_is_marked() {
        let diff = of(&template("web:1"), &template("web:2"), 3, 4).unwrap();
        let marked: Vec<_> = diff
            .lines()
            .filter(|line| line.starts_with(['+', '-']))
            .map(|line| (&line[..1], line[1..].trim_matches([' ', '-', '+'])))
            .collect();
        let expected = [
            ("-", "revision 3"),
            ("+", "revision 4"),
            ("-", "image: web:1"),
            ("+", "image: web:2"),
        ];
        assert_eq!(marked, expected, "{diff}");
    }

    #[test]
    fn equal_templates_have_no_difference() {
        assert_eq!(
            of(&template("web:1"), &template("web:1"), 1, 2).unwrap(),
            ""
        );
    }
}
