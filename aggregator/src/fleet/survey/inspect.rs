//! Reads what a cluster has answered, and believes nothing of it: an agent that is broken or hostile can spoil its own row alone.

use bus_schema::verb::DeploymentSummary;
use bus_schema::{ClusterName, Right, SurveyDeployments, Surveyed, Totals};

use crate::grants::Grants;

/// What the totals and the frame of an answer may take beside its items.
const FRAME_BYTES: usize = 128 * 1024;

/// The share that was asked for, or what is wrong with it.
pub fn read(
    payload: &[u8],
    survey: &SurveyDeployments,
    cluster: &ClusterName,
    grants: &Grants,
) -> Result<Surveyed, String> {
    let mut answer: Surveyed =
        serde_json::from_slice(payload).map_err(|error| format!("it cannot be read: {error}"))?;
    let (items, limit) = (answer.items.len(), survey.limit);
    if u32::try_from(items).map_or(true, |items| items > limit) {
        return Err(format!("it has {items} items, and {limit} were asked for"));
    }
    let room = usize::try_from(survey.bytes).unwrap_or(usize::MAX);
    if items > 1 && payload.len() > room.saturating_add(FRAME_BYTES) {
        let bytes = payload.len();
        return Err(format!("it has {bytes} bytes, and {room} were asked for"));
    }
    let foreign = answer.items.iter().find(|item| {
        !grants.may(Right::Read, cluster, Some(&item.namespace))
            || !survey.filter.means(&item.namespace)
    });
    if foreign.is_some() {
        return Err("it has items of namespaces that were not asked for".to_owned());
    }
    check_totals(&answer.totals, items)?;
    let compare = |a: &DeploymentSummary, b: &DeploymentSummary| {
        let sort = survey.sort;
        sort.compare(sort.place(cluster, a), sort.place(cluster, b))
    };
    answer.items.sort_unstable_by(compare);
    if !answer.items.is_sorted_by(|a, b| compare(a, b).is_lt()) {
        return Err("it has an item twice".to_owned());
    }
    // A newer agent may put a health that is unknown here elsewhere; what was shown already is not shown again.
    if let Some(after) = &survey.after {
        let behind = |item: &DeploymentSummary| {
            let place = survey.sort.place(cluster, item);
            survey.sort.compare(place, after.borrowed()).is_gt()
        };
        answer.items.retain(behind);
    }
    if answer.more && answer.items.is_empty() {
        return Err("it says that it has more items and sends none".to_owned());
    }
    Ok(answer)
}

fn check_totals(totals: &Totals, items: usize) -> Result<(), String> {
    if totals.deployments < items as u64 {
        return Err("it counts fewer deployments than it has sent".to_owned());
    }
    let long = |image: &str| image.len() > Totals::IMAGE_BYTES;
    if totals.images.len() > Totals::IMAGES || totals.images.iter().any(|i| long(&i.image)) {
        return Err("it counts more images, or longer ones, than it should".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
