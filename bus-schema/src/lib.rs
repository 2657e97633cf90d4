//! The contract between the aggregator and the agents: names, subjects, requests, replies, faults and the durations that both sides
//! must agree on. No I/O: this crate knows neither NATS nor Kubernetes nor an async runtime.
//!
//! The protocol is versioned by tolerance: unknown fields are ignored, unknown values of an enumeration become its catch-all, and a
//! verb that an agent does not know is answered with [`FaultCode::UnknownVerb`] or not at all.
#![deny(missing_docs)]

mod allowed_verbs;
mod credential;
mod fault;
mod filter;
mod fleet_query;
mod guard;
mod health;
mod heartbeat;
mod image;
mod instant;
mod log_stream;
mod name;
pub mod page;
mod pattern;
mod reason;
pub mod replicas;
mod request;
mod run;
mod selector;
mod share;
mod sort;
pub mod subject;
pub mod timing;
pub mod verb;
mod whole_number;
mod workload;
mod workload_changes;

pub use allowed_verbs::{AllowedVerbs, NotAMutation};
pub use credential::{CredentialRenewal, RenewCredential};
pub use fault::{Fault, FaultCode};
pub use filter::{Filter, WorkloadView};
pub use fleet_query::{
    AnswerId, FleetQueryRequest, FleetQueryResponse, ImageCounts, NameCount, Scope, Totals,
    WorkloadFilter,
};
pub use guard::{OperationId, OperationIdError, WriteGuard};
pub use health::{Health, HealthFilter, HealthFilterError};
pub use heartbeat::{
    AgentState, Condition, ConditionType, Counts, Heartbeat, HeartbeatAck, InstanceId, RollCall,
};
pub use image::ImagePattern;
pub use instant::whole_seconds;
pub use log_stream::{LogChunk, LogContainer, LogCredit, LogLine, StreamEnd};
pub use name::{
    ClusterName, ContainerName, ImageName, LabelKey, LabelValue, NameError, Namespace, PodName,
    StreamId, WorkloadName,
};
pub use page::{DEFAULT_LIMIT, MAX_LIMIT, PAGE_BYTES, Page};
pub use pattern::{Pattern, PatternError};
pub use reason::{Reason, ReasonError};
pub use request::{
    AGENT_MESSAGE_BYTES, Access, Mutation, PERSON_REQUEST_BYTES, Request, Right, Verb,
};
pub use run::{RunState, RunUpdate, TargetState};
pub use selector::{Selector, SelectorError};
pub use share::{Found, Share};
pub use sort::{Sort, SortBy, SortError, SortKey, SortKeyRef, SortOrder};
pub use verb::VERBS;
pub use workload::{WorkloadKind, WorkloadKindError, WorkloadRef, WorkloadRefError};
pub use workload_changes::WorkloadChanges;
