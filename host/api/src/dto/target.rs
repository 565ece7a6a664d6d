use bulkhead_catalog::TargetOrigin;
use bulkhead_engine::{KnownTarget, ProbeState, ProbeStep, TargetProbe};
use bulkhead_model::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A place where backups are kept. Of those that the operator has configured, the configuration is not shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Target)]
pub struct TargetDto {
    id: String,
    /// The storage plugin's name.
    plugin: String,
    /// Whether the organization's backups go there when they name no target.
    default: bool,
    kind: TargetKind,
    origin: OriginWord,
    /// Of a bucket of the organization's own: its address.
    bucket: Option<String>,
    /// Of one of the organization's own: the plugin's configuration.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Of one of the organization's own: whether credentials are kept. They are never shown.
    has_credentials: Option<bool>,
    #[schema(format = DateTime)]
    created_at: Option<String>,
    #[schema(format = DateTime)]
    updated_at: Option<String>,
    /// What the last test of it, as it is now, has found.
    test: Option<KeptTest>,
}

/// Whose storage it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TargetKind {
    /// That of whoever runs the host; other organizations keep backups there as well.
    Managed,
    /// The organization's own.
    Own,
}

/// Who named it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TargetOrigin)]
enum OriginWord {
    /// The operator, in the host's configuration.
    Operator,
    /// A request.
    Api,
    /// A schedule that brought its own storage.
    Inline,
}

/// A part of a listing.
#[derive(Serialize, ToSchema)]
pub struct TargetPage {
    /// By id.
    pub targets: Vec<TargetDto>,
    /// Of all pages together.
    pub targets_count: u64,
    /// Zero when there is no target.
    pub pages_count: u64,
}

/// What a test has found, and when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetTest)]
struct KeptTest {
    #[schema(format = DateTime)]
    at: Option<String>,
    /// Whether backups can be kept there.
    ok: bool,
}

/// What a target can do, and what it cannot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetProbe)]
pub struct TargetProbeDto {
    /// Whether backups can be kept there.
    ok: bool,
    /// What was tried, in this order.
    steps: Vec<StepDto>,
}

/// One thing that was tried.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetProbeStep)]
struct StepDto {
    /// `configuration`, `open`, `reach`, `write`, `create_only`, `read`, `range`, `list`, `delete`, `uploads`.
    name: String,
    state: StateWord,
    /// What went wrong.
    message: Option<String>,
    /// What to do about it.
    hint: Option<String>,
}

/// How a step went.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TargetProbeState)]
enum StateWord {
    /// As it should.
    Ok,
    /// Not as it should, but backups can be kept.
    Warning,
    /// Not at all.
    Failed,
    /// Not tried, because another step failed.
    Skipped,
}

impl From<KnownTarget> for TargetDto {
    fn from(target: KnownTarget) -> Self {
        let bucket = target.address();
        let mut dto = Self {
            id: target.id.into(),
            plugin: target.plugin,
            default: target.default,
            kind: if target.managed { TargetKind::Managed } else { TargetKind::Own },
            origin: OriginWord::Operator,
            bucket,
            config: None,
            has_credentials: None,
            created_at: None,
            updated_at: None,
            test: None,
        };
        if let Some(own) = target.own {
            dto.origin = match own.origin {
                TargetOrigin::Api => OriginWord::Api,
                TargetOrigin::Inline => OriginWord::Inline,
            };
            dto.config = Some(own.config);
            dto.has_credentials = Some(own.sealed_credentials.is_some());
            dto.created_at = Some(own.created_at.to_seconds_string());
            dto.updated_at = Some(own.updated_at.to_seconds_string());
            dto.test = own
                .test
                .map(|test| KeptTest { at: own.tested_at.map(Timestamp::to_seconds_string), ok: test["ok"] == true });
        }
        dto
    }
}

impl From<TargetProbe> for TargetProbeDto {
    fn from(probe: TargetProbe) -> Self {
        Self { ok: probe.ok, steps: probe.steps.into_iter().map(StepDto::from).collect() }
    }
}

impl From<ProbeStep> for StepDto {
    fn from(step: ProbeStep) -> Self {
        let state = match step.state {
            ProbeState::Ok => StateWord::Ok,
            ProbeState::Warning => StateWord::Warning,
            ProbeState::Failed => StateWord::Failed,
            ProbeState::Skipped => StateWord::Skipped,
        };
        Self { name: step.name, state, message: step.message, hint: step.hint }
    }
}
