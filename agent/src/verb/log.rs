//! `log`: the last lines of all containers of a workload, or a stream of them.

use bus_schema::verb::{LogReply, ReadLog};
use bus_schema::{Fault, LogContainer};
use futures::{StreamExt, stream};

use crate::agent::{Cx, Requester};
use crate::kubernetes::with_belongings;
use crate::log::{LogSource, Newest, Tail, shortened, sources, tail};

/// Containers that are read at the same time for one request.
const AT_ONCE: usize = 8;

pub async fn read(cx: Cx, request: ReadLog) -> Result<LogReply, Fault> {
    check(&request, cx.requester)?;
    let workload = with_belongings(&cx.agent.kubernetes, &request.target, cx.until).await?;
    let sources = sources(&request, &workload.pods)?;
    if request.follow {
        return cx.agent.streams.open(&cx, request, workload).await;
    }
    let tails = stream::iter(sources).map(|source| read_one(&cx, &request, source));
    let (newest, containers) = tails
        .buffered(AT_ONCE)
        .fold(Default::default(), gather)
        .await;
    let (lines, truncated) = newest.into_lines();
    Ok(LogReply::Lines {
        lines,
        truncated,
        containers,
    })
}

async fn read_one(
    cx: &Cx,
    request: &ReadLog,
    (source, container): (LogSource, LogContainer),
) -> (LogContainer, Tail) {
    let _permit = cx.agent.log_readers.acquire(cx.requester).await;
    let tail = tail(&cx.agent.kubernetes, request, &source, cx.until).await;
    (container, tail)
}

type Gathered = (Newest, Vec<LogContainer>);

async fn gather(
    (mut newest, mut containers): Gathered,
    (container, tail): (LogContainer, Tail),
) -> Gathered {
    newest.add(tail.lines);
    if tail.truncated {
        newest.mark_truncated();
    }
    containers.push(LogContainer {
        problem: tail.problem.as_deref().map(shortened).or(container.problem),
        ..container
    });
    (newest, containers)
}

fn check(request: &ReadLog, requester: Requester) -> Result<(), Fault> {
    let refuse = |field: &str, why: &str| Err(Fault::in_field(field, why));
    match (request.tail, request.follow && request.previous) {
        _ if request.since_seconds == Some(0) => refuse("since_seconds", "0 is less than 1"),
        (Some(tail), _) if tail > ReadLog::MAX_TAIL => {
            let why = format!("{tail} is more than {}", ReadLog::MAX_TAIL);
            refuse("tail", &why)
        }
        _ if request.until.is_some() && request.follow => {
            refuse("until", "a log that is followed has no end")
        }
        _ if request.until.is_some() && request.since_seconds.is_none() => {
            refuse("until", "say with since_seconds where to begin")
        }
        (_, true) => refuse("previous", "a run that has ended cannot be followed"),
        // A person's credential can neither grant credit nor subscribe to the stream, and would only occupy it.
        _ if request.follow && requester == Requester::Person => refuse(
            "follow",
            "only an aggregator can follow a log over the bus; ask it for GET /workloads/{cluster}/{namespace}/{kind}/{name}/log/watch",
        ),
        _ => Ok(()),
    }
}
