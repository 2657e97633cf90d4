//! The header `Idempotency-Key` of every call that changes something.

use axum::http::Method;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};

use super::examples::operations;
use crate::idempotency::{KEY_CHARACTERS, applies};

/// Adds the header to each call that it has a meaning for.
pub fn add(document: &mut OpenApi) {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(KEY_CHARACTERS))
        .pattern(Some("^[!-~]+$"));
    let header = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A key of your choice for this change, such as a UUID. If it is sent again within 24 hours, the change is not made again, \
             and the response is that of the first time, with the header `Idempotent-Replayed: true`. A change that was refused before \
             anything was done may be sent again with the same key.",
        ))
        .schema(Some(schema))
        .build();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let method = Method::from_bytes(method.as_bytes());
            if method.is_ok_and(|method| applies(&method, path)) {
                operation
                    .parameters
                    .get_or_insert_default()
                    .push(RefOr::T(header.clone()));
            }
        }
    }
}
