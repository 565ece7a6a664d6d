//! Runs a tool with the arguments that its configuration lists, set by set, and reports how each went.
//!
//! Configuration: `{"tool": "mbstream", "arguments": [["-x"], ["--help"]]}`. The failure's message has one line a set: `ran` or the
//! host's refusal.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("bad-arguments", "0.1.0", "bad-arguments")
            .engine("mariadb")
            .config_schema(r#"{"type":"object"}"#)
            .grant("scratch", "some arguments are paths")
            .grant("tool:mariadb", "misuse")
            .grant("tool:mariadb-backup", "misuse")
            .grant("tool:mariadb-binlog", "misuse")
            .grant("tool:mariadb-dump", "misuse")
            .grant("tool:mbstream", "misuse")
    }

    async fn backup(request: BackupRequest, _writer: Writer) -> Result<Report> {
        let config: Config = request.config()?;
        let mut outcomes = Vec::new();
        for arguments in config.arguments {
            let outcome = match tools::run(&config.tool, arguments.clone(), None).await {
                Ok(tool) => {
                    tool.wait().await.map_or_else(|failure| format!("ran: {}", failure.message), |_| "ran".to_owned())
                }
                Err(failure) => failure.message,
            };
            outcomes.push(format!("{arguments:?} {outcome}"));
        }
        Err(Failure::denied(outcomes.join("\n")))
    }
}

#[derive(serde::Deserialize)]
struct Config {
    tool: String,
    arguments: Vec<Vec<String>>,
}

register_method!(Guest);
