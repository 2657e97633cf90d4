//! What a webhook gets: an event of Standard Webhooks, or a line of text for a chat.

use bus_schema::RunUpdate;
use jiff::Timestamp;
use runs::{Run, RunId, RunState, Transition};
use serde::Serialize;
use serde_json::json;

use crate::webhook::Format;

/// Makes the link to the page of a run; `None` without a public URL.
pub type RunLinks = Box<dyn Fn(&RunId) -> Option<String> + Send + Sync>;

/// A message for a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for each try: receivers recognise a message by it that comes twice.
    pub id: String,
    /// JSON.
    pub body: String,
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: String,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    update: &'a RunUpdate,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
}

impl Message {
    /// The message about a transition of a run.
    #[must_use]
    pub fn new(format: &Format, run: &Run, transition: &Transition, link: Option<&str>) -> Self {
        let update = run.update(transition, transition.time);
        let body = match format {
            Format::Standard(_) => {
                let event = Event {
                    kind: format!("run.{}", word(transition.state)),
                    timestamp: transition.time,
                    data: Data {
                        update: &update,
                        link,
                    },
                };
                serde_json::to_string(&event).expect("it has only text as keys")
            }
            Format::Slack => text_body(&line(&update, link)),
        };
        let id = format!("run_{}_{}", run.id, transition.number);
        Self { id, body }
    }

    /// A message that shows whether a webhook works.
    #[must_use]
    pub fn test(format: &Format, now: Timestamp) -> Self {
        let text =
            "This is a test of Multi-Cluster Aggregator: notifications of runs will arrive here.";
        let body = match format {
            Format::Standard(_) => {
                json!({ "type": "test", "timestamp": now, "data": { "message": text } }).to_string()
            }
            Format::Slack => text_body(text),
        };
        let id = format!("test_{}", now.as_millisecond());
        Self { id, body }
    }
}

fn text_body(text: &str) -> String {
    json!({ "text": text }).to_string()
}

/// A state as it is written in JSON.
fn word(state: RunState) -> String {
    let json = serde_json::to_value(state).unwrap_or_default();
    json.as_str().unwrap_or("unknown").to_owned()
}

/// A transition of a run in one line of Slack's format.
fn line(update: &RunUpdate, link: Option<&str>) -> String {
    let state = word(update.state).replace('_', " ");
    let (action, targets) = (&update.action, update.targets);
    let mut line = format!(
        "Run {state}: {action} of {targets} workloads, started by {}",
        update.user
    );
    if let Some(reason) = &update.reason {
        line += &format!(" ({reason})");
    }
    if let Some(user) = &update.changed_by
        && *user != update.user
    {
        line += &format!("; by {user}");
    }
    if let Some(detail) = &update.detail {
        line += &format!(": {detail}");
    }
    let mut line = escaped(&line);
    if let Some(link) = link {
        line += &format!(" <{}|Open>", escaped(link));
    }
    line
}

/// Text in which Slack sees neither links nor mentions, nor line breaks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::tests::{run, transition};
    use crate::signature::SigningKeys;
    use serde_json::Value;

    const LINK: &str = "https://fleet.example/ui/runs/019c-ab?a=1&b=2";

    fn body(format: &Format, link: Option<&str>) -> Value {
        let run = run();
        let failed = transition(3, RunState::Failed, 30);
        let message = Message::new(format, &run, &failed, link);
        assert_eq!(message.id, "run_019c-ab_3");
        serde_json::from_str(&message.body).unwrap()
    }

    #[test]
    fn an_event_has_the_fields_of_the_message_on_the_bus_and_a_link() {
        let keys = SigningKeys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let format = Format::Standard(keys);
        let event = body(&format, Some(LINK));
        assert_eq!(event["type"], "run.failed");
        assert_eq!(event["timestamp"], "1970-01-01T00:00:30Z");
        let (run, failed) = (run(), transition(3, RunState::Failed, 30));
        let mut expected = serde_json::to_value(run.update(&failed, failed.time)).unwrap();
        expected["link"] = json!(LINK);
        assert_eq!(event["data"], expected);
        assert_eq!(body(&format, None)["data"]["link"], Value::Null);
    }

    #[test]
    fn a_line_for_a_chat_is_escaped_and_has_one_link() {
        let text = body(&Format::Slack, Some(LINK));
        let expected = "Run failed: restart of 4 workloads, started by &lt;!channel&gt; (A &amp; B): 2 &lt; 3  of them \
             <https://fleet.example/ui/runs/019c-ab?a=1&amp;b=2|Open>";
        assert_eq!(text, json!({ "text": expected }));
        let text = body(&Format::Slack, None);
        assert!(!text["text"].as_str().unwrap().contains('<'), "{text}");
    }

    #[test]
    fn a_state_of_several_words_is_one_word_in_the_type_and_several_in_the_text() {
        let waiting = transition(1, RunState::PendingApproval, 1);
        assert_eq!(word(waiting.state), "pending_approval");
        let update = run().update(&waiting, waiting.time);
        assert!(line(&update, None).starts_with("Run pending approval: "));
    }
}
