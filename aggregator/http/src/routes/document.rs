//! The document that describes all routes, as it is committed.

/// The whole document as it is committed: pretty-printed, with a final newline.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    let text = super::api().get_openapi().to_pretty_json()?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_fresh() {
        let committed = include_str!("../../../openapi.json");
        let now = super::openapi_json().unwrap();
        assert!(
            committed == now,
            "aggregator/openapi.json is out of date: write it with `cargo run -p aggregator -- openapi > aggregator/openapi.json`"
        );
    }
}
