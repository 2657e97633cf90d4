//! Strategic merge: objects merge as in RFC 7396, and lists of named things merge by their merge key.
//! Directives: `$patch` (delete, replace, merge), `$retainKeys`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…`.

use serde_json::{Map, Value};

/// The merge strategy of a list according to the API's types, by field name.
enum ListMerge {
    /// Elements with the same value in one of these fields are the same element.
    ByKey(&'static [&'static str]),
    /// A set of plain values.
    Set,
    Replace,
}

fn list_merge(field: &str) -> ListMerge {
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "resourceClaims"
        | "schedulingGates" => ListMerge::ByKey(&["name"]),
        "ports" => ListMerge::ByKey(&["containerPort", "port"]),
        "volumeMounts" => ListMerge::ByKey(&["mountPath"]),
        "volumeDevices" => ListMerge::ByKey(&["devicePath"]),
        "hostAliases" | "podIPs" | "hostIPs" => ListMerge::ByKey(&["ip"]),
        "topologySpreadConstraints" => ListMerge::ByKey(&["topologyKey"]),
        "conditions" | "addresses" => ListMerge::ByKey(&["type"]),
        "ownerReferences" => ListMerge::ByKey(&["uid"]),
        "finalizers" => ListMerge::Set,
        _ => ListMerge::Replace,
    }
}

pub fn merge(target: &mut Value, patch: Value) -> Result<(), String> {
    merge_field("", target, patch)
}

fn merge_field(field: &str, target: &mut Value, patch: Value) -> Result<(), String> {
    match patch {
        Value::Object(patch) => merge_object(target, patch),
        Value::Array(patch) => merge_list(field, target, patch),
        plain => {
            *target = plain;
            Ok(())
        }
    }
}

fn merge_object(target: &mut Value, mut patch: Map<String, Value>) -> Result<(), String> {
    match patch.remove("$patch").as_ref().and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            *target = Value::Object(patch);
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Null;
            return Ok(());
        }
        Some(other) => return Err(format!("unknown patch type found: {other}")),
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return Ok(());
    };
    if let Some(Value::Array(retained)) = patch.remove("$retainKeys") {
        target.retain(|key, _| retained.iter().any(|retained| retained == key));
    }
    let mut orders = Vec::new();
    for (key, value) in patch {
        if let Some(field) = key.strip_prefix("$setElementOrder/") {
            orders.push((field.to_owned(), value));
        } else if let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") {
            remove_values(target, field, &value);
        } else if value.is_null() {
            target.remove(&key);
        } else {
            merge_field(&key, target.entry(&key).or_insert(Value::Null), value)?;
            if target[&key].is_null() {
                target.remove(&key);
            }
        }
    }
    for (field, order) in orders {
        reorder(target, &field, &order);
    }
    Ok(())
}

fn merge_list(field: &str, target: &mut Value, patch: Vec<Value>) -> Result<(), String> {
    let Value::Array(mut found) = target.take() else {
        *target = Value::Array(Vec::new());
        if patch.iter().any(|item| item.get("$patch").is_some()) {
            return merge_list(field, target, patch);
        }
        *target = Value::Array(patch);
        return Ok(());
    };
    match list_merge(field) {
        ListMerge::Replace => found = patch,
        ListMerge::Set => {
            for value in patch {
                if !found.contains(&value) {
                    found.push(value);
                }
            }
        }
        ListMerge::ByKey(keys) => merge_by_key(&mut found, patch, keys)?,
    }
    *target = Value::Array(found);
    Ok(())
}

fn merge_by_key(found: &mut Vec<Value>, patch: Vec<Value>, keys: &[&str]) -> Result<(), String> {
    let directive = |item: &Value| {
        item.get("$patch")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if patch
        .iter()
        .any(|item| directive(item).as_deref() == Some("replace"))
    {
        found.clear();
    }
    for mut item in patch {
        let key = keys.iter().find(|key| item.get(**key).is_some());
        let same = |other: &Value| key.is_some_and(|key| other.get(*key) == item.get(*key));
        let at = found.iter().position(same);
        match (directive(&item).as_deref(), key, at) {
            (Some("replace"), None, _) => {}
            (_, None, _) => {
                let keys = keys.join(" or ");
                return Err(format!(
                    "map: {item} does not contain declared merge key: {keys}"
                ));
            }
            (Some("delete"), _, Some(at)) => drop(found.remove(at)),
            (Some("delete"), _, None) => {}
            (_, _, Some(at)) => merge_field("", &mut found[at], item)?,
            (_, _, None) => {
                if let Some(item) = item.as_object_mut() {
                    item.remove("$patch");
                }
                found.push(item);
            }
        }
    }
    Ok(())
}

fn remove_values(target: &mut Map<String, Value>, field: &str, values: &Value) {
    let unwanted = values.as_array();
    if let (Some(Value::Array(found)), Some(unwanted)) = (target.get_mut(field), unwanted) {
        found.retain(|value| !unwanted.contains(value));
    }
}

/// Sorts a merged list in the client's order; other items follow in their own order.
fn reorder(target: &mut Map<String, Value>, field: &str, order: &Value) {
    let keys = match list_merge(field) {
        ListMerge::ByKey(keys) => keys,
        _ => &[],
    };
    let (Some(Value::Array(found)), Some(order)) = (target.get_mut(field), order.as_array()) else {
        return;
    };
    found.sort_by_key(|value| {
        let same = |wanted: &Value| {
            wanted == value
                || keys
                    .iter()
                    .any(|key| wanted.get(*key).is_some() && wanted.get(*key) == value.get(*key))
        };
        order.iter().position(same).unwrap_or(usize::MAX)
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut target: Value, patch: Value) -> Value {
        merge(&mut target, patch).unwrap();
        target
    }

    #[test]
    fn containers_merge_by_name_and_keep_their_other_fields() {
        let target = json!({"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}]}, {"name": "proxy", "image": "proxy:1"}]});
        let patch = json!({"containers": [{"name": "web", "image": "web:2"}]});
        let expected = json!({"containers": [{"name": "web", "image": "web:2", "ports": [{"containerPort": 80}]}, {"name": "proxy", "image": "proxy:1"}]});
        assert_eq!(merged(target, patch), expected);
    }

    #[test]
    fn annotations_merge_and_null_removes_one() {
        let target = json!({"annotations": {"a": "1", "b": "2"}});
        let patch = json!({"annotations": {"b": null, "c": "3"}});
        assert_eq!(
            merged(target, patch),
            json!({"annotations": {"a": "1", "c": "3"}})
        );
    }

    #[test]
    fn a_delete_directive_removes_one_element() {
        let target = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]});
        let patch = json!({"env": [{"name": "A", "$patch": "delete"}]});
        assert_eq!(
            merged(target, patch),
            json!({"env": [{"name": "B", "value": "2"}]})
        );
    }

    #[test]
    fn retained_keys_drop_the_others() {
        let target =
            json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}});
        let patch = json!({"strategy": {"$retainKeys": ["type"], "type": "Recreate"}});
        assert_eq!(
            merged(target, patch),
            json!({"strategy": {"type": "Recreate"}})
        );
    }

    #[test]
    fn lists_without_a_merge_key_are_replaced() {
        let target = json!({"args": ["a", "b"]});
        assert_eq!(
            merged(target, json!({"args": ["c"]})),
            json!({"args": ["c"]})
        );
    }

    #[test]
    fn an_element_without_its_merge_key_is_refused() {
        let mut target = json!({"containers": [{"name": "web"}]});
        assert!(merge(&mut target, json!({"containers": [{"image": "x"}]})).is_err());
    }

    #[test]
    fn the_clients_order_is_kept() {
        let target = json!({"env": [{"name": "B"}, {"name": "A"}]});
        let patch = json!({"$setElementOrder/env": [{"name": "A"}, {"name": "B"}], "env": [{"name": "A", "value": "1"}]});
        assert_eq!(
            merged(target, patch),
            json!({"env": [{"name": "A", "value": "1"}, {"name": "B"}]})
        );
    }
}
