use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bulkhead_catalog::Job;
use bulkhead_model::{Failure, JobId, OrganizationId, Result, Role, Timestamp};
use serde::Serialize;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::meant;
use super::streams::Place;
use crate::Api;
use crate::auth::Viewer;
use crate::dto::{JobDto, Status};
use crate::path::Id;
use crate::problem::Answer;

/// A job of another host is only seen in the catalog.
const POLL: Duration = Duration::from_millis(500);
/// Events read from the catalog at a time.
const BATCH: u32 = 200;
/// A job that moves many times a second is not reported more often than this.
const FASTEST: Duration = Duration::from_millis(100);

/// One event of the stream.
#[derive(Serialize, ToSchema)]
pub struct ServerSentEvent {
    /// `state`, `phase`, `log`; `progress`; `end`.
    event: String,
    /// The sequence of a recorded event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    /// JSON.
    data: String,
}

/// `GET /jobs/{id}/events`: what happened and happens, as server-sent events. Recorded events carry their sequence as id, so that a
/// caller who comes back with `Last-Event-ID` misses none; `progress` is a snapshot without an id; `end` is the last.
#[utoipa::path(get, path = "/jobs/{id}/events", operation_id = "jobs.events", tag = "jobs",
    params(
        ("id" = String, Path, pattern = "^[0-9a-f]{32}$", description = "32 hexadecimal digits"),
        ("Last-Event-ID" = Option<i64>, Header, minimum = 0, description = "The id of the last event that was seen"),
    ),
    responses((status = 200, description = "Server-sent events: recorded ones, `progress` and, last, `end`",
        body = ServerSentEvent, content_type = "text/event-stream")))]
pub async fn events(
    State(api): State<Api>,
    Viewer(caller): Viewer,
    Id(id): Id,
    headers: HeaderMap,
) -> Answer<Response> {
    let after = last_event_id(&headers)?;
    // Listening begins before the first look, so that nothing falls in between.
    let changes = api.engine.changes();
    let job = meant(&api, &caller, Role::Viewer, &id).await?;
    let place = api.streams.place(&caller.organization)?;
    let (sender, receiver) = channel(16);
    let feed =
        Feed { api, organization: caller.organization, id: job.id.clone(), after, sender, last: None, _place: place };
    tokio::spawn(feed.run(job, changes));
    let alive = KeepAlive::new().interval(Duration::from_secs(15));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(alive).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<i64> {
    let Some(value) = headers.get("last-event-id") else { return Ok(0) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|number| *number >= 0);
    number.ok_or_else(|| {
        Failure::invalid("the header `Last-Event-ID` is no number")
            .with_hint("send the id of the last event you have seen")
    })
}

#[derive(Serialize)]
struct Progress {
    status: Status,
    phase: Option<String>,
    plain_bytes: u64,
    stored_bytes: u64,
    expected_bytes: Option<u64>,
    /// Plain bytes a second since the snapshot before.
    rate: u64,
    /// Seconds that remain at this rate.
    eta: Option<u64>,
}

#[derive(Serialize)]
struct Recorded<'a> {
    kind: &'a str,
    at: Timestamp,
    body: &'a serde_json::Value,
}

struct Feed {
    api: Api,
    organization: OrganizationId,
    id: JobId,
    after: i64,
    sender: Sender<Result<Event, Infallible>>,
    last: Option<(Instant, Job)>,
    _place: Place,
}

/// Nobody listens any more, or nothing can be said any more.
struct Ended;

impl Feed {
    async fn run(mut self, mut job: Job, mut changes: broadcast::Receiver<JobId>) {
        let mut closing = self.api.closing.clone();
        let mut looked = Instant::now();
        loop {
            // A job that is final now has recorded all its events before.
            if self.recorded().await.is_err() || self.progress(&job).await.is_err() {
                return;
            }
            if job.state.is_final() {
                let _gone = self.send("end", None, &JobDto::from(job)).await;
                return;
            }
            tokio::select! {
                () = self.sender.closed() => return,
                () = closed(&mut closing) => return,
                () = moved(&mut changes, &self.id) => {}
                () = tokio::time::sleep(POLL) => {}
            }
            tokio::time::sleep_until(looked + FASTEST).await;
            looked = Instant::now();
            job = match self.api.engine.catalog().job(&self.organization, &self.id).await {
                Ok(job) => job,
                Err(failure) => {
                    // The caller comes back by itself, with Last-Event-ID.
                    tracing::warn!(job = %self.id, failure = %failure, "a stream of events ends early");
                    return;
                }
            };
        }
    }

    async fn recorded(&mut self) -> Result<(), Ended> {
        loop {
            let events = self.api.engine.catalog().events(&self.id, self.after, BATCH).await.map_err(|failure| {
                tracing::warn!(job = %self.id, failure = %failure, "a stream of events ends early");
                Ended
            })?;
            if events.is_empty() {
                return Ok(());
            }
            for event in &events {
                let body = Recorded { kind: &event.kind, at: event.at, body: &event.body };
                self.send(&event.kind, Some(event.sequence), &body).await?;
                self.after = event.sequence;
            }
        }
    }

    async fn progress(&mut self, job: &Job) -> Result<(), Ended> {
        let now = Instant::now();
        let same = |before: &Job| {
            (&before.phase, before.plain_bytes, before.stored_bytes, before.expected_bytes, before.state)
                == (&job.phase, job.plain_bytes, job.stored_bytes, job.expected_bytes, job.state)
        };
        if self.last.as_ref().is_some_and(|(_, before)| same(before)) {
            return Ok(());
        }
        let rate = self.last.as_ref().map_or(0, |(then, before)| {
            rate(job.plain_bytes.saturating_sub(before.plain_bytes), now.duration_since(*then))
        });
        let remaining = job.expected_bytes.and_then(|expected| expected.checked_sub(job.plain_bytes));
        let progress = Progress {
            status: job.state.into(),
            phase: job.phase.clone(),
            plain_bytes: job.plain_bytes,
            stored_bytes: job.stored_bytes,
            expected_bytes: job.expected_bytes,
            rate,
            eta: remaining.and_then(|remaining| remaining.checked_div(rate)),
        };
        self.last = Some((now, job.clone()));
        self.send("progress", None, &progress).await
    }

    async fn send(&self, name: &str, sequence: Option<i64>, body: &impl Serialize) -> Result<(), Ended> {
        let text = serde_json::to_string(body).map_err(|_| Ended)?;
        let mut event = Event::default().event(name).data(text);
        if let Some(sequence) = sequence {
            event = event.id(sequence.to_string());
        }
        self.sender.send(Ok(event)).await.map_err(|_| Ended)
    }
}

/// Returns when the process is about to stop.
async fn closed(closing: &mut watch::Receiver<bool>) {
    let _sender_gone = closing.wait_for(|closing| *closing).await;
}

/// Bytes a second.
fn rate(bytes: u64, time: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000 / time.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// Returns when the job moved, or when so much moved that this may have been missed.
async fn moved(changes: &mut broadcast::Receiver<JobId>, id: &JobId) {
    loop {
        match changes.recv().await {
            Ok(moved) if moved == *id => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
