//! Native tools under the host's eyes: real ones against a real server, and fake ones that misbehave.

#[path = "tools/fake.rs"]
mod fake;
#[path = "tools/real.rs"]
mod real;
#[path = "tools/sandbox.rs"]
mod sandbox;
#[path = "tools/sql.rs"]
mod sql;
#[path = "tools/support.rs"]
mod support;
