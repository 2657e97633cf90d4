//! The verbs: one file each, and the list of them.

mod events;
mod get;
mod image;
mod info;
mod log;
mod mutation;
mod namespaces;
mod pause;
mod pods;
mod restart;
mod resume;
mod revisions;
mod rollout;
mod scale;
mod undo;
mod workloads;

pub use events::{EventSummary, ListEvents};
pub use get::{GetWorkload, TemplateContainer, Workload, WorkloadCondition};
pub use image::{ContainerImage, Image, ImageNow, Imaged, MAX_IMAGES, images};
pub use info::{ClusterInfo, GetInfo};
pub use log::{LogReply, ReadLog};
pub use namespaces::{ListNamespaces, NamespaceSummary};
pub use pause::{Pause, Paused};
pub use pods::{ContainerSummary, ListPods, PodSummary};
pub use restart::{Restart, Restarted};
pub use resume::Resume;
pub use revisions::{
    ListRevisions, MAX_CAUSE_CHARS, MAX_REVISIONS, MAX_TEMPLATES, RevisionSummary, Revisions,
};
pub use rollout::{GetRollout, PodProblem, Rollout, RolloutState};
pub use scale::{Scale, Scaled};
pub use undo::{Undo, Undone, revision};
pub use workloads::{ListDeployments, ListWorkloads, WorkloadSummary};

use crate::Verb;

/// Every verb of the protocol. A verb that is missing here, in the agent's router or in the aggregator's routes fails a test.
pub const VERBS: &[Verb] = &[
    Verb::of::<GetInfo>(),
    Verb::of::<ListNamespaces>(),
    Verb::of::<ListWorkloads>(),
    Verb::of::<ListDeployments>(),
    Verb::of::<GetWorkload>(),
    Verb::of::<Restart>(),
    Verb::of::<Pause>(),
    Verb::of::<Resume>(),
    Verb::of::<Scale>(),
    Verb::of::<Image>(),
    Verb::of::<Undo>(),
    Verb::of::<GetRollout>(),
    Verb::of::<ListRevisions>(),
    Verb::of::<ReadLog>(),
    Verb::of::<ListPods>(),
    Verb::of::<ListEvents>(),
];
