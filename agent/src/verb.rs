//! The verbs: one file each, and the list of them.

mod events;
mod get;
mod image;
mod info;
mod log;
mod namespaces;
mod pause;
pub mod payload;
mod pod_status;
mod pods;
mod restart;
mod resume;
mod revisions;
mod rollout;
mod scale;
mod undo;
mod workloads;

use std::time::Duration;

use bus_schema::timing::WRITE_WITHIN;
use bus_schema::verb::{Image, Pause, Restart, Resume, Scale, Undo};
use bus_schema::{Access, Fault, Request, Verb};
use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;
use tokio::time::Instant;

use crate::agent::Cx;
use crate::mutation::{self, Change};

/// The agent answers this much before the requester's timeout, so that a slow request ends with a fault and not without a reply.
const SOONER: Duration = Duration::from_millis(500);

/// Every verb that this agent supports.
pub fn routes() -> Vec<Route> {
    vec![
        Route::to(Source::Memory, info::get),
        Route::to(Source::Memory, namespaces::list),
        Route::to(Source::Memory, workloads::list),
        Route::to(Source::Memory, workloads::list_deployments),
        Route::to_change::<Restart>(),
        Route::to_change::<Pause>(),
        Route::to_change::<Resume>(),
        Route::to_change::<Scale>(),
        Route::to_change::<Image>(),
        Route::to_change::<Undo>(),
        Route::to(Source::Kubernetes, get::get),
        Route::to(Source::Kubernetes, rollout::get),
        Route::to(Source::Kubernetes, revisions::list),
        Route::to(Source::Kubernetes, log::read),
        Route::to(Source::Kubernetes, pods::list),
        Route::to(Source::Kubernetes, events::list),
    ]
}

/// The source of a verb's reply. A slow API server delays only the verbs that need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The agent's cache.
    Memory,
    /// The API server.
    Kubernetes,
}

type Answer = dyn Fn(Cx, Bytes) -> BoxFuture<'static, Result<Vec<u8>, Fault>> + Send + Sync;

/// One verb and the function that answers it.
pub struct Route {
    /// The verb.
    pub verb: Verb,
    /// The source of the reply.
    pub source: Source,
    /// The time limit of a reply.
    pub within: Duration,
    answer: Box<Answer>,
}

impl Route {
    fn to<R, T, F>(source: Source, handler: fn(Cx, R) -> F) -> Self
    where
        R: Request,
        T: Serialize,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        Self {
            verb: Verb::of::<R>(),
            source,
            within: match R::ACCESS {
                Access::Read => R::TIMEOUT - SOONER,
                Access::Write => WRITE_WITHIN,
            },
            answer: Box::new(move |cx, payload| {
                Box::pin(async move {
                    let request = payload::read(&payload)?;
                    payload::write(&handler(cx, request).await?)
                })
            }),
        }
    }

    fn to_change<M: Change>() -> Self {
        Self::to(Source::Kubernetes, mutation::carry_out::<M>)
    }

    /// The JSON of the reply, or what went wrong.
    pub async fn answer(&self, mut cx: Cx, payload: Bytes) -> Result<Vec<u8>, Fault> {
        cx.until = Instant::now() + self.within;
        (self.answer)(cx, payload).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bus_schema::VERBS;

    #[test]
    fn every_verb_of_the_contract_is_answered_and_no_other() {
        let mut answered: Vec<_> = routes().iter().map(|route| route.verb.name).collect();
        let mut promised: Vec<_> = VERBS.iter().map(|verb| verb.name).collect();
        answered.sort_unstable();
        promised.sort_unstable();
        assert_eq!(answered, promised);
    }
}
