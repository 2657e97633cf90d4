//! Strict extractors for handlers: an unknown field, a wrong value or an invalid name is a problem with the field's name.

use std::error::Error as _;

use axum::RequestExt;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use bytes::Bytes;
use serde::Deserialize as _;
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer};

use crate::problem_response::ProblemResponse;
use diagnostics::{Problem, ProblemCode};

/// Most bytes of a request's body.
pub const BODY_LIMIT: usize = 64 * 1024;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A JSON body. Give the type `deny_unknown_fields`.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON merge patch (RFC 7396), which may also be sent as `application/merge-patch+json`.
#[derive(Debug)]
pub struct MergePatch<T>(pub T);

/// The names in the path, a struct of the domain's name types.
#[derive(Debug)]
pub struct Path<T>(pub T);

/// The query. Give the type `deny_unknown_fields`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _: &S) -> Result<Self, ProblemResponse> {
        Ok(Self(json_body(request).await?))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for MergePatch<T> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, _: &S) -> Result<Self, ProblemResponse> {
        Ok(Self(from_request(request, &[JSON, MERGE_PATCH]).await?))
    }
}

/// A JSON body.
///
/// # Errors
/// [`ProblemCode::MediaTypeUnsupported`], or what is wrong with the body.
pub async fn json_body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    from_request(request, &[JSON]).await
}

async fn from_request<T: DeserializeOwned>(request: Request, types: &[&str]) -> Result<T, Problem> {
    if !is_one_of(types, request.headers()) {
        return Err(Problem::new(
            ProblemCode::MediaTypeUnsupported,
            "send the body as JSON with the header Content-Type: application/json",
        ));
    }
    from_json(&body(request).await?)
}

/// The body of a request, bounded.
///
/// # Errors
/// [`ProblemCode::ContentEncodingUnsupported`] for a compressed one; [`ProblemCode::BodyTooLarge`] over [`BODY_LIMIT`];
/// [`ProblemCode::InvalidRequest`] when it broke off.
pub async fn body(request: Request) -> Result<Bytes, Problem> {
    if is_encoded(request.headers()) {
        let detail = "the body is compressed; send it without the header Content-Encoding";
        return Err(Problem::new(
            ProblemCode::ContentEncodingUnsupported,
            detail,
        ));
    }
    let too_large = || Problem::new(ProblemCode::BodyTooLarge, "the body is larger than 64 kB");
    match request.with_limited_body().extract::<Bytes, _>().await {
        Ok(bytes) if bytes.len() > BODY_LIMIT => Err(too_large()),
        Ok(bytes) => Ok(bytes),
        Err(BytesRejection::FailedToBufferBody(rejection))
            if rejection.status().as_u16() == 413 =>
        {
            Err(too_large())
        }
        Err(_) => Err(Problem::new(
            ProblemCode::InvalidRequest,
            "the body broke off before its end",
        )),
    }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings
        .map(HeaderValue::as_bytes)
        .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// Whether the content type is JSON.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    is_one_of(&[JSON], headers)
}

fn is_one_of(types: &[&str], headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        let mut types = types.iter();
        types.any(|expected| essence.trim().eq_ignore_ascii_case(expected))
    })
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // RFC 8259, 8.1: a receiver may ignore it.
    let bytes = bytes
        .strip_prefix(text_input::BYTE_ORDER_MARK)
        .unwrap_or(bytes);
    // serde would also accept an array, with the fields in order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        let detail = "the body is not a JSON object: it begins with {";
        return Err(Problem::new(ProblemCode::InvalidRequest, detail));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            named(ProblemCode::InvalidValue, &path, &without_position(&cause))
        } else {
            Problem::new(
                ProblemCode::InvalidRequest,
                format!("the body is not JSON: {cause}"),
            )
        }
    })?;
    json.end().map_err(|cause| {
        Problem::new(
            ProblemCode::InvalidRequest,
            format!("the body is not JSON: {cause}"),
        )
    })?;
    Ok(value)
}

/// The error's text without " at line 1 column 17", which is redundant beside the field's name.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A problem with one field; the name of a missing field is only in the message.
fn named(code: ProblemCode, path: &str, message: &str) -> Problem {
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    match missing {
        Some(field) => Problem::new(code, format!("the field \"{field}\" is missing")).field(field),
        None if path == "." || path == "?" => Problem::new(code, message.to_owned()),
        None => Problem::new(code, format!("{path}: {message}")).field(path),
    }
}

/// A whole number from `MIN` to `MAX`, or none: for `deserialize_with`, with `default`.
///
/// # Errors
/// With the bounds, for any other number.
pub fn bounded<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u32>, D::Error> {
    let number = Option::<u64>::deserialize(deserializer)?;
    let bounded = |number: u64| {
        let number = u32::try_from(number).ok();
        let number = number.filter(|number| (MIN..=MAX).contains(number));
        number.ok_or_else(|| de::Error::custom(format!("use {MIN} to {MAX}")))
    };
    number.map(bounded).transpose()
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let code = ProblemCode::InvalidRequest;
        let names = RawPathParams::from_request_parts(parts, state).await;
        let names = names.map_err(|error| Problem::new(code, error.to_string()))?;
        // Not the library's own extractor, which does not report which of the names is wrong.
        let names = MapDeserializer::<_, de::value::Error>::new(names.iter());
        let names = serde_path_to_error::deserialize(names)
            .map_err(|error| named(code, &error.path().to_string(), &error.inner().to_string()))?;
        Ok(Self(names))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let cause = rejection
                    .source()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let (path, message) = cause.split_once(": ").unwrap_or((".", &cause));
                Err(named(ProblemCode::InvalidRequest, path, message).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Target {
        #[expect(dead_code, reason = "only its reading is tested")]
        cluster: bus_schema::ClusterName,
    }

    fn refused(text: &str) -> Problem {
        from_json::<Target>(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn each_wrong_body_is_refused_by_the_name_of_its_field() {
        assert_eq!(
            refused(r#"{"cluster":"a.b"}"#).field.as_deref(),
            Some("cluster")
        );
        assert_eq!(refused("{}").field.as_deref(), Some("cluster"));
        assert_eq!(
            refused(r#"{"cluster":"a","x":1}"#).field.as_deref(),
            Some("x")
        );
        assert_eq!(refused(r#"{"cluster":"#).code, ProblemCode::InvalidRequest);
        assert_eq!(
            refused(r#"{"cluster":"a"}}"#).code,
            ProblemCode::InvalidRequest
        );
    }

    #[test]
    fn an_array_is_no_body() {
        assert_eq!(refused(r#"["a"]"#).field, None);
    }

    #[test]
    fn nesting_without_end_is_refused() {
        refused(&format!(r#"{{"cluster":{}"#, "[".repeat(100_000)));
        refused(&"[".repeat(100_000));
    }
}
