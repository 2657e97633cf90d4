//! What happens to a part in the middle of runs, and its end.

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use tokio::time::sleep;

use crate::bed::Bed;

/// Longer than the lease of a run.
const FROZEN_FOR: Duration = Duration::from_secs(30);

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Fault {
    /// SIGKILL of a replica of the aggregator; it starts again once the runs have ended.
    Kill,
    /// SIGSTOP of a replica for 30 s: it goes on while another one has its runs.
    Freeze,
    /// A replica is cut off from the bus for 30 s; what it has sent arrives afterwards.
    Cut,
    /// SIGKILL of the agent of a cluster, which starts again after a second.
    Agent,
    /// The API servers of all clusters stop for ten seconds.
    ApiServers,
    /// The leaders of the streams of runs and of the audit move to other brokers.
    Leader,
}

impl Fault {
    /// Those that are possible with this number of brokers.
    pub fn possible(brokers: u8) -> Vec<Self> {
        let all = Self::value_variants().iter().copied();
        all.filter(|fault| *fault != Self::Leader || brokers > 1)
            .collect()
    }

    /// Inflicts it on a replica, or on another part; returns when it is over.
    pub async fn inflict(self, bed: &mut Bed, victim: usize) -> Result<()> {
        match self {
            Self::Kill => bed.replicas[victim].kill().await,
            Self::Freeze => {
                bed.replicas[victim].freeze()?;
                sleep(FROZEN_FOR).await;
                bed.replicas[victim].resume()
            }
            Self::Cut => {
                bed.replicas[victim].cut();
                sleep(FROZEN_FOR).await;
                bed.replicas[victim].heal();
                Ok(())
            }
            Self::Agent => bed.restart_an_agent(Duration::from_secs(1)).await,
            Self::ApiServers => bed.freeze_api_servers(Duration::from_secs(10)).await,
            Self::Leader => bed.broker.move_leaders().await,
        }
    }

    /// Whether it hits one replica, and another one has to take over.
    pub const fn hits_replica(self) -> bool {
        matches!(self, Self::Kill | Self::Freeze | Self::Cut)
    }
}
