//! What is wrong with a log, as a failure.

use bulkhead_plugin_sdk::method::Failure;
use mariadb_log::{Problem, ProblemKind};

/// What a log's problem is for the attempt.
pub fn of(problem: Problem) -> Failure {
    match problem.kind {
        ProblemKind::Corrupt => Failure::corrupt(problem.message),
        ProblemKind::Unsupported => Failure::unsupported(problem.message),
        ProblemKind::Hole => Failure::corrupt(problem.message)
            .with_hint("the recovery window of the service shows which instants can be restored"),
        ProblemKind::Conflict => Failure::conflict(problem.message),
        ProblemKind::Ambiguous => Failure::conflict(problem.message)
            .with_hint("restore up to a transaction instead (`--gtid`), or to a moment before or after these stamps"),
    }
}
