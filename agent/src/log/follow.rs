//! Follows the pods of one workload, including those created later, and reads each of their containers into one buffer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bus_schema::StreamEnd;
use bus_schema::verb::ReadLog;
use futures::StreamExt;
use kube::api::LogParams;
use kube::core::Selector;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use super::buffer::Buffer;
use super::containers::Containers;
use super::position::Position;
use super::reader::Reader;
use super::source::of_pod;
use super::tail::params;
use crate::agent::Agent;
use crate::cache::key;
use crate::kubernetes::{Belongings, Pod, belongings, controller_of};

/// Pods that cannot be watched for this long end the stream.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_secs(1);

const ASK_WITHIN: Duration = Duration::from_secs(5);

const WATCH_SECONDS: u32 = 60;

/// A log that is being followed.
pub struct Follow {
    agent: Arc<Agent>,
    request: ReadLog,
    buffer: Arc<Buffer>,
    workload: Belongings,
    /// What controls pods by uid, and whether it is the workload or one of its ReplicaSets.
    controllers: HashMap<String, bool>,
    /// Pods that existed at the start: of their earlier lines only the last ones are read.
    first: HashSet<String>,
    pods: HashMap<String, Followed>,
    readers: JoinSet<()>,
    containers: Containers,
    /// Pods for whose containers there are no permits, and the number of those containers.
    waiting: BTreeMap<String, (Pod, usize)>,
}

/// A pod whose containers are read.
struct Followed {
    pod: watch::Sender<Option<Arc<Pod>>>,
    /// The number of its containers. Ephemeral containers come last.
    containers: usize,
}

impl Follow {
    /// Follows the logs of a workload as it was read for this request.
    pub fn new(
        agent: Arc<Agent>,
        request: ReadLog,
        (buffer, containers): (Arc<Buffer>, Containers),
        workload: Belongings,
    ) -> Self {
        let uid = |metadata: &kube::core::ObjectMeta| metadata.uid.clone();
        let controllers = workload.controllers.iter().filter_map(uid);
        Self {
            controllers: controllers.map(|uid| (uid, true)).collect(),
            first: workload
                .pods
                .iter()
                .filter_map(|pod| uid(&pod.metadata))
                .collect(),
            pods: HashMap::new(),
            readers: JoinSet::new(),
            containers,
            waiting: BTreeMap::new(),
            agent,
            request,
            buffer,
            workload,
        }
    }

    /// Follows until the workload is gone or its pods cannot be watched.
    pub async fn run(mut self) -> StreamEnd {
        let api = self.agent.kubernetes.pods(&self.request.target.namespace);
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let config = match Selector::try_from(self.workload.workload.spec.selector.clone()) {
            Ok(selector) => config.labels_from(&selector),
            Err(_) => config,
        };
        let mut events = watcher(api, config).default_backoff().boxed();
        let mut look = interval(LOOK_EVERY);
        let mut failing: Option<Instant> = None;
        let mut listed = HashSet::new();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        failing = None;
                        self.apply(event, &mut listed).await;
                        self.count_waiting();
                    }
                    Some(Err(_)) => drop(failing.get_or_insert_with(Instant::now)),
                    None => return StreamEnd::Failed,
                },
                Some(_) = self.readers.join_next() => {}
                _ = look.tick() => {
                    if self.is_gone() {
                        return StreamEnd::Gone;
                    }
                    self.read_waiting();
                    if failing.is_some_and(|since| since.elapsed() > GIVE_UP_AFTER) {
                        return StreamEnd::Failed;
                    }
                }
            }
        }
    }

    async fn apply(&mut self, event: Event<Pod>, listed: &mut HashSet<String>) {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(pod) => {
                listed.extend(pod.metadata.uid.clone());
                self.seen(pod).await;
            }
            Event::InitDone => {
                let gone: Vec<_> = self
                    .pods
                    .keys()
                    .chain(self.waiting.keys())
                    .filter(|uid| !listed.contains(*uid))
                    .cloned()
                    .collect();
                gone.iter().for_each(|uid| self.lost(uid));
            }
            Event::Apply(pod) => self.seen(pod).await,
            Event::Delete(pod) => self.lost(&pod.metadata.uid.unwrap_or_default()),
        }
    }

    async fn seen(&mut self, pod: Pod) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if let Some(known) = self.pods.get(&uid) {
            known.pod.send_replace(Some(Arc::new(pod.clone())));
            if of_pod(&pod, &self.request).len() > known.containers {
                self.read(uid, pod);
            }
        } else if self.waiting.contains_key(&uid) || self.is_ours(&pod).await {
            self.read(uid, pod);
        }
    }

    fn lost(&mut self, uid: &str) {
        self.waiting.remove(uid);
        if let Some(known) = self.pods.remove(uid) {
            known.pod.send_replace(None);
        }
    }

    /// Decided by what controls it. An unknown ReplicaSet is new and is read from the API server.
    async fn is_ours(&mut self, pod: &Pod) -> bool {
        let Some(set) = controller_of(&pod.metadata) else {
            return false;
        };
        if let Some(ours) = self.controllers.get(set) {
            return *ours;
        }
        let (kubernetes, namespace) = (&self.agent.kubernetes, &self.request.target.namespace);
        let workload = self.workload.workload.clone();
        let until = Instant::now() + ASK_WITHIN;
        let Ok(now) = belongings(kubernetes, namespace, workload, until).await else {
            // Retried when the pod changes, which a new one does often.
            return false;
        };
        let uids = now.controllers.into_iter().filter_map(|it| it.uid);
        self.controllers.extend(uids.map(|uid| (uid, true)));
        *self.controllers.entry(set.to_owned()).or_insert(false)
    }

    fn read(&mut self, uid: String, pod: Pod) {
        let mut sources = of_pod(&pod, &self.request);
        let known = self.pods.get(&uid).map_or(0, |known| known.containers);
        let all = sources.len();
        let sources = sources.split_off(known.min(all));
        let Some(permits) = self.containers.try_acquire(sources.len()) else {
            self.waiting.insert(uid, (pod, sources.len()));
            return;
        };
        self.waiting.remove(&uid);
        let is_first = self.first.contains(&uid);
        let followed = self.pods.entry(uid).or_insert_with(|| Followed {
            pod: watch::Sender::new(Some(Arc::new(pod))),
            containers: 0,
        });
        followed.containers = all;
        let receiver = followed.pod.subscribe();
        for (source, permit) in sources.into_iter().zip(permits) {
            let requested = params(&self.request, &source);
            let params = LogParams {
                follow: true,
                tail_lines: requested.tail_lines.filter(|_| is_first),
                since_seconds: requested.since_seconds.filter(|_| is_first),
                ..requested
            };
            let reader = Reader {
                kubernetes: self.agent.kubernetes.clone(),
                namespace: self.request.target.namespace.clone(),
                source,
                pod: receiver.clone(),
                buffer: self.buffer.clone(),
                params,
                position: Position::default(),
                refusal: None,
                reported: None,
            };
            self.readers.spawn(async move {
                reader.run().await;
                drop(permit);
            });
        }
    }

    /// Reads waiting pods: other containers may have ended in the meantime.
    fn read_waiting(&mut self) {
        for (uid, (pod, _)) in std::mem::take(&mut self.waiting) {
            self.read(uid, pod);
        }
        self.count_waiting();
    }

    fn count_waiting(&self) {
        let containers: usize = self.waiting.values().map(|(_, number)| number).sum();
        let containers = u32::try_from(containers).unwrap_or(u32::MAX);
        self.buffer.set_not_followed(containers);
    }

    /// Whether the workload and all its pods are gone, as far as is known.
    fn is_gone(&self) -> bool {
        let caches = &self.agent.caches;
        self.pods.is_empty()
            && self.waiting.is_empty()
            && caches.ready().is_ok()
            && caches.stale_seconds().is_none()
            && caches.workloads.get(&key(&self.request.target)).is_none()
    }
}
