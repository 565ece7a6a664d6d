//! Plugins that misbehave cost one job, with a reason a person can act on, and nothing else.

mod loading;
mod methods;
mod storage;
