//! Whether `kubectl apply` of the file that was applied last would revert an undo. Pure.

use kube::core::ObjectMeta;
use serde_json::Value;

/// The configuration that was applied last, as kubectl records it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The maximum length of a path in a warning, in characters.
const PATH_CHARS: usize = 200;

/// A warning if the restored template differs from the configuration that was applied last where the present one does not differ in
/// the same way. Anyone may write the annotation: one that is no JSON is ignored.
pub fn warning(metadata: &ObjectMeta, present: &Value, restored: &Value) -> Option<String> {
    let applied = metadata.annotations.as_ref()?.get(LAST_APPLIED)?;
    let applied: Value = serde_json::from_str(applied).ok()?;
    let template = applied.pointer("/spec/template")?;
    let path = difference(template, Some(present), Some(restored))?;
    let path: String = path.chars().take(PATH_CHARS).collect();
    Some(format!(
        "the annotation {LAST_APPLIED} no longer matches: it has another value of spec.template{path}; \
         kubectl apply of the same configuration will revert this undo"
    ))
}

/// The path of the first value of `applied` that the undo has changed to another one. What the API server has added or written
/// differently makes no difference, since the present template has it too.
fn difference(
    applied: &Value,
    present: Option<&Value>,
    restored: Option<&Value>,
) -> Option<String> {
    if restored == present || restored == Some(applied) {
        return None;
    }
    match applied {
        Value::Object(fields) => fields.iter().find_map(|(key, applied)| {
            let field = |of: Option<&Value>| of.and_then(|of| of.get(key)).cloned();
            let path = difference(applied, field(present).as_ref(), field(restored).as_ref())?;
            Some(format!(".{key}{path}"))
        }),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, applied)| {
            let (present, restored) = (
                item(present, applied, index),
                item(restored, applied, index),
            );
            let path = difference(applied, present, restored)?;
            let name = applied.get("name").and_then(Value::as_str);
            let name = name.map_or_else(|| index.to_string(), str::to_owned);
            Some(format!("[{name}]{path}"))
        }),
        _ => Some(String::new()),
    }
}

/// The item of a list that corresponds to another list's: the one of the same name, or at the same place.
fn item<'a>(list: Option<&'a Value>, other: &Value, index: usize) -> Option<&'a Value> {
    let items = list?.as_array()?;
    match other.get("name") {
        Some(name) => items.iter().find(|item| item.get("name") == Some(name)),
        None => items.get(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(image: &str, env: Value) -> Value {
        let container = json!({
            "name": "web", "image": image, "env": env, "imagePullPolicy": "IfNotPresent",
            "resources": { "limits": { "cpu": "1" } },
        });
        json!({ "spec": { "containers": [{ "name": "side", "image": "side:1" }, container] } })
    }

    fn warning_of(applied: &Value, present: &Value, restored: &Value) -> Option<String> {
        let applied = json!({ "spec": { "template": applied } }).to_string();
        let annotations = [(LAST_APPLIED.to_owned(), applied)];
        let metadata = ObjectMeta {
            annotations: Some(annotations.into()),
            ..ObjectMeta::default()
        };
        warning(&metadata, present, restored)
    }

    #[test]
    fn a_value_that_was_applied_and_is_undone_is_named() {
        let one = json!([{ "name": "LEVEL", "value": "debug" }]);
        // Written otherwise than the API server does, and without what it adds.
        let applied = json!({ "spec": { "containers": [{
            "name": "web", "image": "web:2", "env": one, "resources": { "limits": { "cpu": "1000m" } },
        }] } });
        let (old, new) = (template("web:1", one.clone()), template("web:2", one));
        let warned = warning_of(&applied, &new, &old).unwrap();
        assert!(
            warned.contains("spec.template.spec.containers[web].image;"),
            "{warned}"
        );
        // Undone to what was applied.
        assert_eq!(warning_of(&applied, &old, &new), None);
        assert_eq!(warning_of(&applied, &new, &new), None);
        // A variable that was applied is gone, and one that was not is restored.
        let warned = warning_of(&applied, &new, &template("web:2", json!([]))).unwrap();
        assert!(warned.contains("containers[web].env[LEVEL]"), "{warned}");
        let more = json!([{ "name": "X", "value": "y" }, { "name": "LEVEL", "value": "debug" }]);
        assert_eq!(warning_of(&applied, &new, &template("web:2", more)), None);
    }

    #[test]
    fn without_a_configuration_or_with_a_broken_one_there_is_no_warning() {
        let (old, new) = (template("web:1", json!([])), template("web:2", json!([])));
        assert_eq!(warning(&ObjectMeta::default(), &new, &old), None);
        for text in ["", "{", "[]", "{\"spec\":3}"] {
            let annotations = [(LAST_APPLIED.to_owned(), text.to_owned())];
            let metadata = ObjectMeta {
                annotations: Some(annotations.into()),
                ..ObjectMeta::default()
            };
            assert_eq!(warning(&metadata, &new, &old), None, "{text}");
        }
    }
}
