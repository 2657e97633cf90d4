//! `info`: the agent and its cluster.

use bus_schema::Fault;
use bus_schema::verb::{ClusterInfo, GetInfo};

use crate::agent::Cx;

pub async fn get(cx: Cx, GetInfo {}: GetInfo) -> Result<ClusterInfo, Fault> {
    Ok(cx.agent.info())
}
