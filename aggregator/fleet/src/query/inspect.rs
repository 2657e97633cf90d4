//! Validates a cluster's response, which is untrusted: a broken or hostile agent can only spoil its own row.

use std::collections::BTreeMap;

use bus_schema::{
    ClusterName, FleetQueryRequest, FleetQueryResponse, Health, Namespace, Right, Sort, Totals,
    WorkloadKind, WorkloadName,
};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::merge::{Item, Part, Snapshot};
use crate::text::Text;
use identity::Grants;

/// The maximum size of a response without its items.
const FRAME_BYTES: usize = 128 * 1024;

/// A cluster's response.
#[derive(Debug)]
pub struct Answer<'a> {
    pub part: Part,
    pub totals: Totals<Text<'a>>,
    pub stale_seconds: Option<u64>,
}

/// A borrowed [`bus_schema::verb::WorkloadSummary`]: of most items only the sort key is retained.
#[derive(Deserialize)]
struct Probe<'a> {
    namespace: Namespace,
    kind: WorkloadKind,
    name: WorkloadName,
    health: Health,
    #[serde(default)]
    restarted_at: Option<Timestamp>,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(rename = "replicas")]
    _replicas: u32,
    #[serde(rename = "ready")]
    _ready: u32,
    #[serde(rename = "updated")]
    _updated: u32,
    #[serde(rename = "available")]
    _available: u32,
    #[serde(rename = "images", borrow)]
    _images: Vec<Text<'a>>,
    #[serde(rename = "reason", borrow, default)]
    _reason: Option<Text<'a>>,
    #[serde(rename = "labels", borrow, default)]
    _labels: BTreeMap<Text<'a>, Text<'a>>,
}

/// The requested part, or what is wrong with the response.
pub fn read<'a>(
    payload: &'a Bytes,
    request: &FleetQueryRequest,
    cluster: &ClusterName,
    grants: &Grants,
) -> Result<Answer<'a>, String> {
    let unreadable = |error: serde_json::Error| format!("it cannot be read: {error}");
    let answer: FleetQueryResponse<&RawValue, Text<'_>> =
        serde_json::from_slice(payload).map_err(unreadable)?;
    let (items, limit) = (answer.items.len(), request.limit);
    if u32::try_from(items).map_or(true, |items| items > limit) {
        return Err(format!(
            "it has {items} items, more than the requested {limit}"
        ));
    }
    let limit = usize::try_from(request.bytes).unwrap_or(usize::MAX);
    let is_list = items > 1 || !answer.totals.names.is_empty();
    if is_list && payload.len() > limit.saturating_add(FRAME_BYTES) {
        let bytes = payload.len();
        return Err(format!(
            "it has {bytes} bytes, more than the requested {limit}"
        ));
    }
    let item = |written| probe(payload, written, request.sort);
    let items = answer.items.into_iter().map(item);
    let mut items: Vec<Item> = items.collect::<Result<_, _>>().map_err(unreadable)?;
    let foreign = items.iter().any(|item| {
        !grants.may(Right::Read, cluster, Some(&item.namespace))
            || !request.filter.matches_namespace(&item.namespace)
    });
    if foreign {
        return Err("it has items of namespaces that were not requested".to_owned());
    }
    let wanted = request.filter.name.as_ref();
    if wanted.is_some_and(|name| items.iter().any(|item| item.name != *name)) {
        return Err("it has items of names that were not requested".to_owned());
    }
    let kinds = &request.filter.kinds;
    if !kinds.is_empty() && items.iter().any(|item| !kinds.contains(&item.kind)) {
        return Err("it has items of kinds that were not requested".to_owned());
    }
    check_totals(&answer.totals, items.len())?;
    put_in_order(&mut items, request, cluster)?;
    if answer.more && items.is_empty() {
        return Err("it announces more items but sends none".to_owned());
    }
    Ok(Answer {
        part: Part {
            items,
            more: answer.more,
        },
        totals: answer.totals,
        stale_seconds: answer.stale_seconds,
    })
}

fn probe(payload: &Bytes, written: &RawValue, sort: Sort) -> serde_json::Result<Item> {
    let found: Probe<'_> = serde_json::from_str(written.get())?;
    Ok(Item {
        rank: sort.rank(found.health, found.created_at, found.restarted_at),
        namespace: found.namespace,
        kind: found.kind,
        name: found.name,
        shown: Snapshot::Now(payload.slice_ref(written.get().as_bytes())),
    })
}

fn put_in_order(
    items: &mut Vec<Item>,
    request: &FleetQueryRequest,
    cluster: &ClusterName,
) -> Result<(), String> {
    let compare = |a: &Item, b: &Item| {
        request
            .sort
            .compare(a.sort_key(cluster), b.sort_key(cluster))
    };
    items.sort_unstable_by(compare);
    if !items.is_sorted_by(|a, b| compare(a, b).is_lt()) {
        return Err("it has a duplicate item".to_owned());
    }
    // A newer agent may sort a health that is unknown here differently; items that were shown already are not shown again.
    if let Some(after) = &request.after {
        let behind = |item: &Item| {
            request
                .sort
                .compare(item.sort_key(cluster), after.borrowed())
        };
        items.retain(|item| behind(item).is_gt());
    }
    Ok(())
}

fn check_totals(totals: &Totals<Text<'_>>, items: usize) -> Result<(), String> {
    if totals.workloads < items as u64 {
        return Err("it counts fewer workloads than it has sent".to_owned());
    }
    let images = &totals.images.0;
    let long = |(image, _): &(Text<'_>, u64)| image.as_ref().len() > Totals::IMAGE_BYTES;
    if images.len() > Totals::IMAGES || images.iter().any(long) {
        return Err("it counts more images, or longer ones, than allowed".to_owned());
    }
    let mut names = totals.names.iter().map(|count| &count.name);
    if names.any(|name| name.as_ref().parse::<WorkloadName>().is_err()) {
        return Err("it counts names that are not names of workloads".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
