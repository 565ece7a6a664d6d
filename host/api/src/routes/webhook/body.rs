//! What webhooks are told of.

use bulkhead_model::{Failure, NoticeEvent, Result};

use crate::fields::Fields;

/// The field `events`.
pub fn events(body: &Fields) -> Result<Option<Vec<NoticeEvent>>> {
    let Some(mut events) = body.list::<NoticeEvent>("events")? else { return Ok(None) };
    if events.is_empty() {
        return Err(body
            .wrong("events", "is empty")
            .with_hint("leave it out for all of them, or set \"enabled\": false"));
    }
    if events.contains(&NoticeEvent::Test) {
        return Err(Failure::invalid("`events` holds `test`: a test goes to whichever webhook is tested"));
    }
    events.sort();
    events.dedup();
    Ok(Some(events))
}

/// All that one can be told of.
pub fn all() -> Vec<NoticeEvent> {
    NoticeEvent::ALL.iter().copied().filter(|event| *event != NoticeEvent::Test).collect()
}
