mod file;
mod preview;

use clap::Args;
use serde_json::{Map, Value};

use super::reference;
use crate::client::segment;
use crate::command::Session;
use crate::exit::Exit;
use crate::follow::{Follow, USUAL_BOUND};
use crate::question::{self, YesOrNo};
use crate::render::{number, print, print_json, text};

/// `bulkhead backup restore`.
#[derive(Args)]
pub struct Restore {
    /// Id, unique beginning of it, or name; may be left out when a moment is given
    #[arg(value_name = "ID", required_unless_present_any = ["point_in_time", "gtid", "bucket"])]
    id: Option<String>,
    /// Restore into this service, instead of the one that was backed up
    #[arg(long = "to", value_name = "SERVICE")]
    target: Option<String>,
    /// Restore to this moment: `2024-03-26 17:18:21` (UTC), or RFC 3339
    #[arg(long, value_name = "TIME", conflicts_with = "gtid")]
    point_in_time: Option<String>,
    /// Restore up to these transactions, these included, e.g. 0-1-15
    #[arg(long, value_name = "GTIDS")]
    gtid: Option<String>,
    /// Search the backups and logs of this service for the moment
    #[arg(long = "from-service", value_name = "SERVICE", conflicts_with = "id")]
    source: Option<String>,
    /// Restore only this database, into the running service
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Restore only this table of the database
    #[arg(long, value_name = "NAME", requires = "database")]
    table: Option<String>,
    /// What the database is to be called
    #[arg(long, value_name = "NAME", requires = "database")]
    as_database: Option<String>,
    /// What the table is to be called
    #[arg(long, value_name = "NAME", requires = "table")]
    as_table: Option<String>,
    #[command(flatten)]
    file: file::File,
    /// Back up the service as it is now, first
    #[arg(long, conflicts_with_all = ["no_safety_backup", "dry_run"])]
    safety_backup: bool,
    /// Do not, and do not ask
    #[arg(long)]
    no_safety_backup: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Wait for as long as it takes, instead of 5 minutes
    #[arg(long)]
    wait: bool,
}

impl Restore {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let backup = match &self.id {
            Some(id) => Some(session.client.get(&format!("/backups/{}", segment(reference(id))))?),
            None => None,
        };
        let backup = backup.as_ref();
        let service = self.service(session, backup)?;
        let mut body = self.body(&service, backup);
        body.extend(self.file.body()?);
        if self.dry_run {
            body.insert("dry_run".to_owned(), true.into());
            let preview = session.client.post("/restores", Some(&Value::Object(body)))?;
            match session.json {
                true => print_json(&preview),
                false => print(&preview::lines(&preview)),
            }
            return Ok(());
        }
        let asked = !self.safety_backup && !self.no_safety_backup && !session.json && question::somebody_sits_there();
        if self.safety_backup || asked && first_a_backup(&service)? {
            body.insert("safety_backup".to_owned(), true.into());
        }
        let restore = session.client.post("/restores", Some(&Value::Object(body)))?;
        let id = number(&restore, "id");
        if !session.json {
            print(&format!("Restore ID: {id}"));
            print(&self.announcement(&service, &restore));
            let why = restore.get("plan").map(|plan| text(plan, "why")).unwrap_or_default();
            if !why.is_empty() {
                print(why);
            }
        }
        let bound = (!self.wait).then_some(USUAL_BOUND);
        Follow { client: &session.client, job: text(&restore, "job_id"), bound, quiet: session.json }.until_end()?;
        let restore = session.client.get(&format!("/restores/{id}"))?;
        if session.json {
            print_json(&restore);
        } else {
            print(text(&restore, "message"));
        }
        Ok(())
    }

    /// The service that is restored: the one named, or the one that the data are of.
    fn service(&self, session: &Session, backup: Option<&Value>) -> Result<String, Exit> {
        let named = self.target.clone().or_else(|| session.service.clone());
        let of_backup = || backup.map(|backup| text(backup, "service_id").to_owned());
        match named.or_else(of_backup).or_else(|| self.source.clone()) {
            Some(service) => Ok(service),
            None => session.service_or_only(),
        }
    }

    fn body(&self, service: &str, backup: Option<&Value>) -> Map<String, Value> {
        let key = backup.map(|backup| text(backup, "id").to_owned()).or_else(|| self.source.clone());
        [
            ("service_id", Some(service.to_owned())),
            ("key", key),
            ("point_in_time", self.point_in_time.clone()),
            ("gtid", self.gtid.clone()),
            ("database", self.database.clone()),
            ("table", self.table.clone()),
            ("as_database", self.as_database.clone()),
            ("as_table", self.as_table.clone()),
        ]
        .into_iter()
        .filter_map(|(field, value)| Some((field.to_owned(), value?.into())))
        .collect()
    }

    /// What begins now.
    fn announcement(&self, service: &str, restore: &Value) -> String {
        let from = match self.file.address() {
            Some(address) => format!("{} of {address}", text(restore, "key")),
            None => format!("backup {}", text(restore, "key")),
        };
        let moment = match (&self.point_in_time, &self.gtid) {
            (Some(instant), _) => format!("their state of {instant}, from {from}"),
            (None, Some(gtid)) => format!("their state at {gtid}, from {from}"),
            (None, None) => from,
        };
        let part = match (&self.database, &self.table) {
            (Some(database), Some(table)) => format!("Restoring table {database}.{table} in"),
            (Some(database), None) => format!("Restoring database {database} in"),
            (None, _) => "Replacing the data of".to_owned(),
        };
        format!("{part} {service} by {moment}")
    }
}

/// What was written after the backup will be gone: a person is asked whether it is to be kept.
fn first_a_backup(service: &str) -> Result<bool, Exit> {
    let question = format!("Take a safety backup of {service} first?");
    YesOrNo { question: &question, default: false, hint: "say --safety-backup or --no-safety-backup" }.ask()
}

#[cfg(test)]
mod tests {
    use clap::{FromArgMatches, error::ErrorKind};
    use serde_json::json;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Restore, ErrorKind> {
        let command = Restore::augment_args(clap::Command::new("restore"));
        let matches = command.try_get_matches_from([&["restore"], arguments].concat()).map_err(|error| error.kind())?;
        Restore::from_arg_matches(&matches).map_err(|error| error.kind())
    }

    const FROM_BUCKET: &[&str] =
        &["--from-bucket", "s3://b", "--key", "/k", "--method", "mysqldump", "--credentials-file", "f"];

    #[test]
    fn what_is_asked_for_is_sent() {
        let backup = json!({"id": "a1b2:db1:x", "service_id": "db1"});
        let body = |arguments: &[&str], backup| Value::Object(read(arguments).unwrap().body("db1", backup));
        assert_eq!(body(&["a1b2"], Some(&backup)), json!({"service_id": "db1", "key": "a1b2:db1:x"}));
        assert_eq!(
            body(&["--point-in-time", "2024-03-26 17:18:21"], None),
            json!({"service_id": "db1", "point_in_time": "2024-03-26 17:18:21"})
        );
        // As SkySQL's: the source service beside the moment.
        assert_eq!(
            body(&["--gtid", "0-1-15", "--from-service", "db2", "--to", "db1"], None),
            json!({"service_id": "db1", "key": "db2", "gtid": "0-1-15"})
        );
        let part = ["a1b2", "--database", "shop", "--table", "orders", "--as-table", "orders2"];
        assert_eq!(
            body(&part, Some(&backup)),
            json!({"service_id": "db1", "key": "a1b2:db1:x", "database": "shop", "table": "orders", "as_table": "orders2"})
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (arguments, kind) in [
            (&[][..], ErrorKind::MissingRequiredArgument),
            (&["--from-service", "db2"], ErrorKind::MissingRequiredArgument),
            (&["--point-in-time", "x", "--gtid", "0-1-15"], ErrorKind::ArgumentConflict),
            (&["a1b2", "--from-service", "db2", "--gtid", "0-1-15"], ErrorKind::ArgumentConflict),
            (&["a1b2", "--table", "orders"], ErrorKind::MissingRequiredArgument),
            (&["a1b2", "--database", "shop", "--as-table", "o"], ErrorKind::MissingRequiredArgument),
            (&["a1b2", "--safety-backup", "--no-safety-backup"], ErrorKind::ArgumentConflict),
            (&["a1b2", "--safety-backup", "--dry-run"], ErrorKind::ArgumentConflict),
            (&["--from-bucket", "s3://b"], ErrorKind::MissingRequiredArgument),
            (&["--key", "k"], ErrorKind::MissingRequiredArgument),
            (&["a1b2", "--drop-databases"], ErrorKind::MissingRequiredArgument),
            (&[&["a1b2"][..], FROM_BUCKET].concat(), ErrorKind::ArgumentConflict),
            (&[FROM_BUCKET, &["--gtid", "0-1-15"]].concat(), ErrorKind::ArgumentConflict),
            (&[FROM_BUCKET, &["--database", "shop"]].concat(), ErrorKind::ArgumentConflict),
            (&[FROM_BUCKET, &["--dry-run"]].concat(), ErrorKind::ArgumentConflict),
        ] {
            assert_eq!(read(arguments).err(), Some(kind), "{arguments:?}");
        }
    }

    #[test]
    fn what_begins_is_said() {
        let restore = json!({"key": "a1b2:db1:x"});
        for (arguments, said) in [
            (&["a1b2"][..], "Replacing the data of db2 by backup a1b2:db1:x"),
            (
                &["--point-in-time", "2024-03-26 17:18:21"],
                "Replacing the data of db2 by their state of 2024-03-26 17:18:21, from backup a1b2:db1:x",
            ),
            (&["a1b2", "--database", "shop"], "Restoring database shop in db2 by backup a1b2:db1:x"),
            (FROM_BUCKET, "Replacing the data of db2 by a1b2:db1:x of s3://b"),
        ] {
            assert_eq!(read(arguments).unwrap().announcement("db2", &restore), said);
        }
    }
}
