//! `Idempotency-Key`: a change that is sent again with the same key is not made again, and is answered as it was the first time.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use tracing::Instrument as _;

use crate::app::App;
use crate::caller::Caller;
use crate::extract;
use crate::problem_response::{ProblemResponse, Rendered, problem_json};
use diagnostics::{Problem, ProblemCode};
use fleet::journal::{Claim, ClaimedRequest, StoredResponse, sha256};

/// The header of the request.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header of a response that was stored.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Most characters of a key.
pub const KEY_CHARACTERS: usize = 255;

/// Largest body that is stored, in bytes.
const STORED_BYTES: usize = 64 * 1024;

/// Whether the header has a meaning for a call: those that change something, but no sign-in, whose response is a secret.
#[must_use]
pub fn applies(method: &Method, path: &str) -> bool {
    let reads_or_signs_in =
        matches!(path, "/log" | "/login" | "/logout") || path.starts_with("/join/");
    matches!(*method, Method::POST | Method::PATCH | Method::DELETE) && !reads_or_signs_in
}

/// Whether the response to a call is a secret, which is not stored.
fn is_secret(path: &str) -> bool {
    path.ends_with("/enroll") || path.ends_with("/invite")
}

/// Middleware: a request with an idempotency key is carried out once in 24 hours.
pub async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    let applies = applies(request.method(), request.uri().path());
    if !applies || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Without authentication the call itself refuses.
    let Ok(caller) = Caller::from_request_parts(&mut parts, &app).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    match claim(&app, &caller, &parts, body).await {
        Ok((Claim::New(claimed), body)) => carry_out(app, claimed, parts, body, next).await,
        Ok((Claim::Completed(operation_id, stored), _)) => match replayed(stored) {
            Some(response) => response,
            None => {
                let detail = "this was done before with the same idempotency key, and nothing was done now; the first response held \
                     a secret, which is not stored";
                let problem = Problem::new(ProblemCode::Conflict, detail).operation(&operation_id);
                ProblemResponse(problem).into_response()
            }
        },
        Ok((Claim::InFlight(operation_id), _)) => {
            let detail = "the first request with this idempotency key is still being carried out; GET /operations/{operation_id} \
                 shows its outcome";
            let problem = Problem::new(ProblemCode::IdempotencyKeyInFlight, detail);
            ProblemResponse(problem.operation(&operation_id)).into_response()
        }
        Ok((Claim::Reused, _)) => {
            let detail = "another request was made with this idempotency key in the last 24 hours; use a new key for each change";
            let problem = Problem::new(ProblemCode::IdempotencyKeyReused, detail);
            ProblemResponse(problem.field(IDEMPOTENCY_KEY.as_str())).into_response()
        }
        Err(problem) => ProblemResponse(problem).into_response(),
    }
}

async fn claim(
    app: &App,
    caller: &Caller,
    parts: &Parts,
    body: Body,
) -> Result<(Claim, Bytes), Problem> {
    let key = idempotency_key(&parts.headers)?;
    let key = (caller.principal.user.as_str(), key);
    let request = Request::from_parts(parts.clone(), body);
    let body = extract::body(request).await?;
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let fingerprint = sha256(&[parts.method.as_str().as_bytes(), target.as_bytes(), &body]);
    let (journal, keys) = (&app.journal, &app.idempotency_keys);
    let claim = keys.claim(key, fingerprint, journal.new_id(), journal.now());
    Ok((claim.await?, body))
}

fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let key = match (values.next(), values.next()) {
        (Some(key), None) => key.to_str().ok(),
        _ => None,
    };
    // Blanks and tabs are text in a header, too.
    let is_visible = |key: &str| key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.filter(|key| (1..=KEY_CHARACTERS).contains(&key.len()) && is_visible(key));
    key.ok_or_else(|| {
        let detail = format!(
            "Idempotency-Key: send it once, with 1 to {KEY_CHARACTERS} visible ASCII characters, such as a UUID"
        );
        Problem::new(ProblemCode::InvalidRequest, detail).field(IDEMPOTENCY_KEY.as_str())
    })
}

/// Carries a request out to its end and stores its response, even if the caller has left.
async fn carry_out(
    app: App,
    claimed: ClaimedRequest,
    mut parts: Parts,
    body: Bytes,
    next: Next,
) -> Response {
    parts.extensions.insert(claimed.operation_id().clone());
    let secret = is_secret(parts.uri.path());
    let request_id = parts.headers.get("x-request-id").cloned();
    let request = Request::from_parts(parts, Body::from(body));
    let journal = app.journal.clone();
    let carried_out = async move {
        let response = next.run(request).await;
        let problem = response.extensions().get::<Problem>().cloned();
        match ending(response.status(), problem.as_ref()) {
            Ending::Done => {}
            Ending::NothingDone => {
                app.idempotency_keys.release(claimed).await;
                return response;
            }
            Ending::NotKnown => return response,
        }
        let status = response.status().as_u16();
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let text = match &problem {
            Some(problem) => problem_json(problem, request_id.as_ref()),
            None if secret || body.len() > STORED_BYTES => None,
            None => String::from_utf8(body.to_vec()).ok(),
        };
        let stored = StoredResponse { status, body: text };
        app.idempotency_keys.complete(claimed, stored).await;
        Response::from_parts(parts, Body::from(body))
    };
    let carried_out = journal.spawn(carried_out.in_current_span()).await;
    carried_out.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// What a response says about the change.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    /// It was made, or has failed for good, or its outcome is found in the audit: a repetition is answered the same.
    Done,
    /// Nothing was changed, and a repetition may succeed.
    NothingDone,
    /// It may have been made: only the audit prevents that a repetition makes it again.
    NotKnown,
}

fn ending(status: StatusCode, problem: Option<&Problem>) -> Ending {
    match problem {
        None if status.is_success() => Ending::Done,
        None => Ending::NotKnown,
        Some(problem) => match problem.code {
            ProblemCode::Internal | ProblemCode::IdempotencyKeyInFlight => Ending::NotKnown,
            _ if problem.operation_id.is_some() && !problem.code.retryable() => Ending::Done,
            _ => Ending::NothingDone,
        },
    }
}

/// A stored response; `None` where its body is not stored.
fn replayed(stored: StoredResponse) -> Option<Response> {
    let body = stored.body?;
    let status = StatusCode::from_u16(stored.status).ok()?;
    let content_type = match status.is_success() {
        true => "application/json",
        false => "application/problem+json",
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (REPLAYED, HeaderValue::from_static("true")),
    ];
    let mut response = (status, headers, body).into_response();
    response.extensions_mut().insert(Rendered);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_key_and_reads_and_sign_ins_have_none() {
        for path in ["/restart", "/clusters/a/enroll"] {
            assert!(applies(&Method::POST, path), "{path}");
            assert!(!applies(&Method::GET, path), "{path}");
        }
        for path in ["/log", "/login", "/logout", "/join/mca_x"] {
            assert!(!applies(&Method::POST, path), "{path}");
        }
    }

    #[test]
    fn what_changed_nothing_may_be_sent_again_and_what_may_have_changed_something_may_not() {
        let id = bus_schema::OperationId::at(jiff::Timestamp::UNIX_EPOCH, 1);
        let of = |code, begun: bool| {
            let problem = Problem::new(code, "");
            let problem = if begun {
                problem.operation(&id)
            } else {
                problem
            };
            ending(StatusCode::CONFLICT, Some(&problem))
        };
        assert_eq!(ending(StatusCode::OK, None), Ending::Done);
        assert_eq!(of(ProblemCode::OutcomeUnknown, true), Ending::Done);
        assert_eq!(of(ProblemCode::Paused, true), Ending::Done);
        assert_eq!(of(ProblemCode::InvalidValue, false), Ending::NothingDone);
        assert_eq!(of(ProblemCode::ClusterOffline, true), Ending::NothingDone);
        assert_eq!(of(ProblemCode::Internal, true), Ending::NotKnown);
    }

    #[test]
    fn a_key_is_sent_once_and_is_short() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_str(value).unwrap());
            }
            idempotency_key(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(of(&["a-1"]).unwrap(), "a-1");
        assert_eq!(
            of(&[&"x".repeat(KEY_CHARACTERS)]).unwrap().len(),
            KEY_CHARACTERS
        );
        for wrong in [
            &["a", "b"][..],
            &[""],
            &[&"x".repeat(KEY_CHARACTERS + 1)],
            &["ä"],
        ] {
            let problem = of(wrong).unwrap_err();
            assert_eq!(
                problem.field.as_deref(),
                Some("idempotency-key"),
                "{wrong:?}"
            );
        }
    }
}
