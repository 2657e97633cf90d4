//! Waits for a condition, with a timeout and a name for the error message.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep, timeout_at};

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A probe that has not returned this long after the timeout never will.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// Calls `probe` until it returns something; fails with `what` when `patience` has run out, or with the error of `probe`.
pub async fn met<T>(
    what: &str,
    patience: Duration,
    mut probe: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        let Ok(found) = timeout_at(deadline + STUCK_AFTER, probe()).await else {
            bail!("{what}: a probe does not return");
        };
        if let Some(found) = found? {
            return Ok(found);
        }
        if Instant::now() >= deadline {
            bail!("{what}: not within {} s", patience.as_secs_f32());
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_when_the_condition_is_met() {
        let mut looks = 0;
        let found = met("three looks", Duration::from_secs(1), async || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_bounded_and_says_for_what() {
        let never = met("the sun at midnight", Duration::from_secs(1), async || {
            Ok(None::<()>)
        });
        let error = never.await.unwrap_err().to_string();
        assert_eq!(error, "the sun at midnight: not within 1 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_never_comes_back_is_not_waited_for() {
        let stuck = met("an answer", Duration::from_secs(1), async || {
            std::future::pending::<Result<Option<()>>>().await
        });
        let error = stuck.await.unwrap_err().to_string();
        assert_eq!(error, "an answer: a probe does not return");
    }
}
