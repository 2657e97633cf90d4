//! `restart`: what `kubectl rollout restart` does.

use bus_schema::verb::{Restart, Restarted};
use bus_schema::{Fault, FaultCode, whole_seconds};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::kubernetes::{RESTARTED_AT, WorkloadObject};
use crate::mutation::{Change, Seen};

/// Restarts within this time of each other get times one second apart.
const QUICK: SignedDuration = SignedDuration::from_mins(1);

impl Change for Restart {
    fn patch(&self, seen: &Seen, now: Timestamp) -> Result<Value, Fault> {
        if seen.spec.paused {
            let message = "the deployment is paused and would not restart; resume it first \
                           (kubectl rollout resume)";
            return Err(Fault::new(FaultCode::Paused, message));
        }
        let time = next_time(seen.restarted_at(), now).to_string();
        let annotations = json!({ RESTARTED_AT: time });
        Ok(json!({ "spec": { "template": { "metadata": { "annotations": annotations } } } }))
    }

    fn begins_revision(&self, _: &Seen) -> bool {
        true
    }

    fn reply(&self, after: &WorkloadObject) -> Restarted {
        Restarted {
            target: self.target.clone(),
            restarted_at: after.restarted_at(),
        }
    }
}

/// The current time in whole seconds, as kubectl writes it, but different from the last one, or the template would not change. A time
/// in the far future does not come from a restart and is overwritten.
fn next_time(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let now = whole_seconds(now);
    match last.map(whole_seconds) {
        Some(last) if last >= now && last.duration_since(now) < QUICK => {
            last + SignedDuration::from_secs(1)
        }
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_restart_has_another_time_and_none_is_locked_out_by_one() {
        for (last, expected) in [
            (None, "10:00:02"),
            (Some("2026-03-01T09:59:59Z"), "10:00:02"),
            (Some("2026-03-01T10:00:02Z"), "10:00:03"),
            (Some("2026-03-01T12:00:08+02:00"), "10:00:09"),
            (Some("2026-03-01T10:05:00Z"), "10:00:02"),
            (Some("9999-12-01T00:00:00Z"), "10:00:02"),
        ] {
            let last = last.map(|last| last.parse().unwrap());
            let next = next_time(last, "2026-03-01T10:00:02.7Z".parse().unwrap());
            assert_eq!(
                next.to_string(),
                format!("2026-03-01T{expected}Z"),
                "{last:?}"
            );
        }
    }
}
