//! Examples of responses, taken from a running system. The linter of the document validates them against its schemas.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr, Response};

/// Examples by method and path, such as `GET /clusters`, and by status where a call has two kinds of success. The example of an event stream is the data of one event.
const EXAMPLES: &str = include_str!("../../../openapi-examples.json");

/// Adds to each call the example of its successful response.
pub fn add(document: &mut OpenApi) {
    let mut examples = parsed();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let call = format!("{method} {path}");
            for (status, response) in &mut operation.responses.responses {
                let of_status = examples.remove(&format!("{call} {status}"));
                if let Some(example) = of_status.or_else(|| examples.get(&call).cloned())
                    && let RefOr::T(response) = response
                    && status.starts_with('2')
                {
                    add_to(response, &example);
                }
            }
        }
    }
}

fn parsed() -> BTreeMap<String, Value> {
    serde_json::from_str(EXAMPLES).expect("the examples are JSON")
}

pub(super) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let operations = [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ];
    operations
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn add_to(response: &mut Response, example: &Value) {
    for content in response.content.values_mut() {
        if let RefOr::T(content) = content {
            content.example = Some(example.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::to_value(crate::routes::api().get_openapi()).unwrap()
    }

    fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
        value.as_object().into_iter().flatten()
    }

    /// The calls by method and path.
    fn calls(document: &Value) -> impl Iterator<Item = (String, &Value)> {
        entries(&document["paths"]).flat_map(|(path, item)| {
            let call = move |method: &str| format!("{} {path}", method.to_uppercase());
            entries(item).map(move |(method, operation)| (call(method), operation))
        })
    }

    #[test]
    fn every_answer_with_a_body_has_an_example() {
        let document = document();
        for (call, operation) in calls(&document) {
            let answers = entries(&operation["responses"]);
            for (status, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
                for (kind, content) in entries(&answer["content"]) {
                    assert!(content["example"] != Value::Null, "{call}: {status} {kind}");
                }
            }
        }
    }

    #[test]
    fn every_body_that_is_sent_has_an_example() {
        let document = document();
        for (call, operation) in calls(&document) {
            for (kind, content) in entries(&operation["requestBody"]["content"]) {
                let schema = content["schema"]["$ref"].as_str().unwrap_or_default();
                let schema = document.pointer(schema.trim_start_matches('#'));
                let of_schema = schema.map_or(&Value::Null, |schema| &schema["example"]);
                assert!(
                    [&content["example"], of_schema] != [&Value::Null; 2],
                    "{call}: {kind}"
                );
            }
        }
    }

    #[test]
    fn every_example_is_of_a_call() {
        let document = document();
        let calls: Vec<String> = calls(&document).map(|(call, _)| call).collect();
        for call in parsed().into_keys() {
            let of_status = call.rsplit_once(' ').map_or("", |(call, _)| call);
            let is_call = calls
                .iter()
                .any(|known| *known == call || known == of_status);
            assert!(is_call, "{call}");
        }
    }
}
