//! `aggregator notifications`

use std::io::Write as _;

use anyhow::{Result, bail};
use jiff::Timestamp;
use notifications::{Client, Message, Outcome};

use crate::args::NotificationsCheck;

/// `aggregator notifications check`
///
/// # Errors
/// When the file cannot be used, or a webhook did not take the test message.
pub async fn check(args: &NotificationsCheck) -> Result<()> {
    let mut failed = 0;
    for webhook in notifications::read(&args.file)? {
        let (name, format) = (webhook.name.clone(), webhook.format.clone());
        let client = Client::new(webhook)?;
        let format_name = format.as_str();
        if !args.send {
            say(&format!("{name} ({format_name}): can be used\n"))?;
            continue;
        }
        let now = Timestamp::now();
        let result = match client.send(&Message::test(&format, now), now).await {
            Outcome::Delivered => "has taken the test message".to_owned(),
            Outcome::Gone => failure(&mut failed, "it answered 410 Gone"),
            Outcome::Failed { why, .. } => failure(&mut failed, &why),
        };
        say(&format!("{name} ({format_name}): {result}\n"))?;
    }
    match failed {
        0 => Ok(()),
        failed => bail!("{failed} webhooks have not taken the test message"),
    }
}

fn failure(failed: &mut u32, why: &str) -> String {
    *failed += 1;
    format!("failed: {why}")
}

fn say(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
