//! The flags of agents' credentials, which several commands have.

use std::time::Duration;

use clap::Args;
use enrolment::AGENT_CREDENTIAL_LIFETIME_MAX;
use jiff::SignedDuration;

/// The lifetime that `serve` and `enroll` request, and the longest that `sign` allows.
#[derive(Debug, Clone, Copy, Args)]
pub struct AgentCredentials {
    /// How long agents' credentials are valid, such as `2160h` (90 days): from 1 h to 9600 h (400 days). Agents renew them over the bus before they expire.
    #[arg(
        long = "agent-credential-lifetime",
        env = "MCA_AGENT_CREDENTIAL_LIFETIME",
        value_name = "TIME",
        default_value = "2160h",
        value_parser = credential_lifetime
    )]
    pub lifetime: Duration,
}

fn credential_lifetime(text: &str) -> Result<Duration, String> {
    let wrong =
        || "write it like 2160h or 12h, without days; from 1 h to 9600 h (400 days)".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(duration).map_err(|_| wrong())?;
    let is_one = (Duration::from_hours(1)..=AGENT_CREDENTIAL_LIFETIME_MAX).contains(&duration);
    is_one.then_some(duration).ok_or_else(wrong)
}
