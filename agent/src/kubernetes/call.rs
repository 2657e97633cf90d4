//! One call to the API server: bounded in time, retried when the server throttles and time is left. Failures are classified by what the
//! caller may conclude from them.

use std::error::Error;
use std::time::Duration;

use hyper_util::client::legacy;
use kube::core::Status;
use tokio::time::{Instant, sleep, timeout_at};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No response in time; a write may have been carried out, or may still be.
    #[error("the API server did not answer in time")]
    TimedOut,
    /// There is no connection: nothing was sent.
    #[error("the API server cannot be reached")]
    NotConnected(#[source] kube::Error),
    /// The API server answered with an error.
    #[error("the API server refused: {}", .0.message)]
    Refused(Box<Status>),
    /// The connection broke, or the response could not be parsed; a write may have been carried out.
    #[error("the API server's response was lost")]
    AnswerLost(#[source] kube::Error),
}

impl CallError {
    /// Whether a write that failed like this may still have been carried out.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            Self::TimedOut | Self::AnswerLost(_) => true,
            Self::NotConnected(_) => false,
            Self::Refused(status) => status.code >= 500,
        }
    }

    /// The HTTP status of the API server's response.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.code),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let Self::Refused(status) = self else {
            return None;
        };
        if status.code != 429 {
            return None;
        }
        let seconds = status.details.as_ref().map_or(1, |d| d.retry_after_seconds);
        Some(Duration::from_secs(seconds.max(1).into()))
    }
}

impl From<kube::Error> for CallError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Refused(status),
            error if nothing_was_sent(&error) => Self::NotConnected(error),
            error => Self::AnswerLost(error),
        }
    }
}

fn nothing_was_sent(error: &kube::Error) -> bool {
    if matches!(error, kube::Error::Auth(_) | kube::Error::BuildRequest(_)) {
        return true;
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<legacy::Error>() {
            return error.is_connect();
        }
        cause = error.source();
    }
    false
}

/// Makes a call and waits for its response until `until`. After a 429 it waits as long as the response says and retries if that is
/// before `until`; a throttled call was not carried out, so this is safe for writes too.
pub async fn ask<T, F>(until: Instant, mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    loop {
        let answer = timeout_at(until, call())
            .await
            .map_err(|_| CallError::TimedOut)?;
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => CallError::from(error),
        };
        match error.retry_after() {
            Some(pause) if Instant::now() + pause < until => sleep(pause).await,
            _ => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;

    fn refused(code: u16) -> kube::Error {
        kube::Error::Api(Status::failure("no", "No").with_code(code).boxed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_call_ends_at_its_bound() {
        let until = Instant::now() + Duration::from_secs(3);
        let answer = ask::<(), _>(until, std::future::pending).await;
        assert!(matches!(answer, Err(CallError::TimedOut)), "{answer:?}");
        assert_eq!(Instant::now(), until);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_made_again_after_the_pause_that_the_server_asks_for() {
        let start = Instant::now();
        let mut calls = 0;
        let answer = ask(start + Duration::from_secs(3), || {
            calls += 1;
            ready(if calls == 1 {
                Err(refused(429))
            } else {
                Ok(calls)
            })
        });
        assert_eq!(answer.await.unwrap(), 2);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_past_the_bound_is_not_waited_for() {
        let start = Instant::now();
        let until = start + Duration::from_millis(900);
        let answer = ask::<(), _>(until, || ready(Err(refused(429)))).await;
        assert_eq!(answer.unwrap_err().code(), Some(429));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[test]
    fn only_an_answer_under_500_settles_a_write() {
        assert!(!CallError::from(refused(409)).leaves_doubt());
        assert!(CallError::from(refused(504)).leaves_doubt());
        assert!(CallError::TimedOut.leaves_doubt());
    }
}
