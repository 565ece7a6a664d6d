//! The task beside a running tool: it knows every way in which a run can end.

use std::fs::File;
use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Once};
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Exit;
use super::group::Group;
use super::input::{self, Broken, Fed};
use super::lines::Said;
use super::output::Carried;
use super::verdict;
use crate::tools::launch::LOCKED_IN;
use crate::tools::policy::Success;

/// Between asking a tool to end and making it.
const GRACE: Duration = Duration::from_secs(2);

/// After a tool's end, until its last words have arrived. Only a child that left the group could hold them back.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(super) struct Run {
    pub(super) tool: &'static str,
    pub(super) success: Success,
    pub(super) group: Arc<Group>,
    pub(super) exited: oneshot::Receiver<io::Result<ExitStatus>>,
    pub(super) said: oneshot::Receiver<Said>,
    pub(super) output: oneshot::Receiver<Carried>,
    pub(super) input: oneshot::Receiver<Fed>,
    /// A reading end of the tool's input, when it has one.
    pub(super) leftover: Option<File>,
    /// The sending end of the tool's input, held until the tool is dead when the source has failed.
    pub(super) input_open: Option<File>,
    pub(super) cancel: CancellationToken,
    pub(super) dropped: CancellationToken,
    pub(super) deadline: Duration,
}

impl Run {
    /// The exit and the bytes of standard output, after all of it was judged.
    pub(super) async fn supervise(mut self) -> Result<(Exit, u64)> {
        let (cancel, dropped) = (self.cancel.clone(), self.dropped.clone());
        let (tool, deadline) = (self.tool, self.deadline);
        let stopped = async {
            tokio::select! {
                () = cancel.cancelled() => Failure::cancelled(),
                () = dropped.cancelled() => Failure::cancelled(),
                () = tokio::time::sleep(deadline) =>
                    Failure::unavailable(format!("{tool} did not end within {} s", deadline.as_secs())),
            }
        };
        let outcome = tokio::select! {
            biased;
            outcome = self.run() => outcome,
            failure = stopped => Err(failure),
        };
        if outcome.is_err() {
            self.stop().await;
        }
        // Whatever the tool said of its end: it was wanted.
        let wanted = cancel.is_cancelled() || dropped.is_cancelled();
        outcome.map_err(|failure| if wanted { Failure::cancelled() } else { failure })
    }

    async fn run(&mut self) -> Result<(Exit, u64)> {
        let (mut fed, mut carried) = (None, None);
        let status = loop {
            tokio::select! {
                biased;
                status = &mut self.exited => break status,
                end = &mut self.input, if fed.is_none() => fed = Some(self.judge_input(end)?),
                end = &mut self.output, if carried.is_none() => carried = Some(judge_output(end)?),
            }
        };
        let status = status.map_err(|_| Failure::internal(format!("the exit of {} went unseen", self.tool)))?;
        let status =
            status.map_err(|error| Failure::internal(format!("the exit of {} is unknown: {error}", self.tool)))?;
        let said = match tokio::time::timeout(LAST_WORDS, &mut self.said).await {
            Ok(Ok(said)) => said,
            _ => Said::default(),
        };
        warn_of_missing_sandbox(&said);
        let exit = verdict::of_exit(self.tool, status, &said, self.success)?;
        self.require_all_read(fed).await?;
        let (bytes, tail) = match carried {
            Some(carried) => carried,
            None => judge_output((&mut self.output).await)?,
        };
        verdict::of_output(self.tool, &tail, self.success)?;
        Ok((exit, bytes))
    }

    fn judge_input(&mut self, fed: Result<Fed, oneshot::error::RecvError>) -> Result<()> {
        let fed = fed.map_err(|_| Failure::internal(format!("the input of {} went unseen", self.tool)))?;
        self.input_open = fed.open;
        match fed.outcome {
            // Of a tool that has gone, the exit says more.
            Ok(()) | Err(Broken::Tool) => Ok(()),
            Err(Broken::Source(failure)) => Err(failure),
        }
    }

    async fn require_all_read(&mut self, mut fed: Option<()>) -> Result<()> {
        let Some(leftover) = self.leftover.take() else { return Ok(()) };
        let mut empty = input::all_read(leftover).map_err(super::no_thread)?;
        loop {
            tokio::select! {
                biased;
                end = &mut self.input, if fed.is_none() => fed = Some(self.judge_input(end)?),
                empty = &mut empty => {
                    return match empty {
                        Ok(true) if fed.is_some() => Ok(()),
                        // The pipe has ended, so the feeder is about to say how.
                        Ok(true) => {
                            let end = (&mut self.input).await;
                            self.judge_input(end)
                        }
                        _ => Err(Failure::corrupt(format!("{} ended before it had read all of its input", self.tool))),
                    };
                }
            }
        }
    }

    /// Ends whatever still runs.
    async fn stop(&mut self) {
        if self.exited.is_terminated() {
            return;
        }
        self.group.terminate();
        if tokio::time::timeout(GRACE, &mut self.exited).await.is_err() {
            self.group.kill();
            // Nothing survives this but a process stuck in the kernel; nobody is kept waiting for one.
            let _stuck = tokio::time::timeout(LAST_WORDS, &mut self.exited).await;
        }
    }
}

fn judge_output(carried: Result<Carried, oneshot::error::RecvError>) -> Result<(u64, Vec<u8>)> {
    let carried = carried.map_err(|_| Failure::internal("the output of a tool went unseen"))?;
    Ok((carried.outcome?, carried.tail))
}

fn warn_of_missing_sandbox(said: &Said) {
    static WARNED: Once = Once::new();
    if let Some(enforced) = said.report.as_deref().and_then(|report| report.strip_prefix(LOCKED_IN))
        && enforced != "full"
    {
        WARNED.call_once(|| {
            tracing::warn!(
                enforced,
                "the kernel locks tools in only in part or not at all (Landlock ABI 6 is wanted, Linux 6.12); the argument policy still holds"
            );
        });
    }
}
