//! Uses everything that it did not ask for in its description.

use bulkhead_plugin_sdk::method::*;

struct Guest;

impl MethodPlugin for Guest {
    fn describe() -> Description {
        Description::new("ungranted-tool", "0.1.0", "ungranted-tool").engine("mariadb")
    }

    async fn backup(_request: BackupRequest, _writer: Writer) -> Result<Report> {
        let mut refusals = String::new();
        let mut note = |what: &str, outcome: Result<()>| match outcome {
            Ok(()) => Err(what.to_owned()),
            Err(failure) => {
                refusals.push_str(&format!("{what}: {}. ", failure.message));
                Ok(())
            }
        };
        let tool = tools::run("mariadb-dump", ["--all-databases"], None).await.map(drop);
        let outcomes = [
            ("run", tool),
            ("version", tools::version("mariadb-dump").await.map(drop)),
            ("query", database::query("SELECT 1").await.map(drop)),
            ("status", server::status().await.map(drop)),
            ("stage", server::stage(1).await),
            ("swap", server::swap().await.map(drop)),
            ("scratch", std::fs::write("/scratch/file", "x").map_err(Failure::from)),
        ];
        for (what, outcome) in outcomes {
            if let Err(got_away) = note(what, outcome) {
                return Ok(Report::new(got_away));
            }
        }
        Err(Failure::denied(refusals))
    }
}

register_method!(Guest);
