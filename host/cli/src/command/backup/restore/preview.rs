//! What a restore would do, as lines.

use serde_json::Value;

use crate::render::{fields, flag, list, number, size, text, time};

/// The whole plan.
pub fn lines(preview: &Value) -> String {
    let what = if flag(preview, "in_place") { "all of its data are replaced" } else { "a part is put into it" };
    let mut pairs = vec![
        ("Service", format!("{} ({what})", text(preview, "service_id"))),
        ("Plan", text(preview, "plan").to_owned()),
        ("Reaches", time(text(preview, "point_in_time")).to_owned()),
    ];
    let steps = list(&preview["backups"]).iter().map(|backup| ("Restores", step(backup)));
    let logs = list(&preview["logs"]).iter().map(|backup| ("Replays", step(backup)));
    pairs.extend(steps.chain(logs));
    let free = preview.get("disk_free").and_then(Value::as_u64);
    let needed = size(number(preview, "disk_needed"));
    pairs.push(match free {
        Some(free) if free < number(preview, "disk_needed") => {
            ("Disk", format!("needs about {needed}, and only {} are free", size(free)))
        }
        Some(free) => ("Disk", format!("needs about {needed}, {} are free", size(free))),
        None => ("Disk", format!("needs about {needed}")),
    });
    pairs.push(("Downtime", text(preview, "downtime").to_owned()));
    for warning in list(&preview["warnings"]) {
        pairs.push(("Warning", warning.as_str().unwrap_or_default().to_owned()));
    }
    format!("{}\nNothing was done: this is what would be.", fields(&pairs))
}

fn step(backup: &Value) -> String {
    let (plain, stored) = (size(number(backup, "plain_size")), size(number(backup, "stored_size")));
    format!("{} {} ({plain}, {stored} stored)", text(backup, "type"), text(backup, "id"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_read_from_top_to_bottom() {
        let backup =
            |id: &str, kind: &str| json!({"id": id, "type": kind, "plain_size": 20_000_000, "stored_size": 5_000_000});
        let preview = json!({
            "service_id": "db1", "plan": "the newest base before it, and the logs that continue it",
            "point_in_time": "2024-03-26T17:18:21Z",
            "backups": [backup("a1:db1:x", "full"), backup("b2:db1:x", "incremental")],
            "logs": [backup("c3:db1:x", "binarylog")], "disk_needed": 40_000_000, "disk_free": 30_000_000,
            "downtime": "the server restarts once", "in_place": true, "warnings": ["the last backup is old"],
        });
        assert_eq!(
            lines(&preview),
            "Service:  db1 (all of its data are replaced)\n\
             Plan:     the newest base before it, and the logs that continue it\n\
             Reaches:  2024-03-26T17:18:21\n\
             Restores: full a1:db1:x (20.0 MB, 5.0 MB stored)\n\
             Restores: incremental b2:db1:x (20.0 MB, 5.0 MB stored)\n\
             Replays:  binarylog c3:db1:x (20.0 MB, 5.0 MB stored)\n\
             Disk:     needs about 40.0 MB, and only 30.0 MB are free\n\
             Downtime: the server restarts once\n\
             Warning:  the last backup is old\n\
             Nothing was done: this is what would be."
        );
    }
}
