use clap::Args;
use serde_json::{Value, json};

use crate::client::segment;
use crate::command::Session;
use crate::exit::{Exit, ExitKind};
use crate::follow::{Follow, USUAL_BOUND};
use crate::paint::{Colour, Stream, paint};
use crate::question::{self, YesOrNo};
use crate::render::{print, print_json, text};

/// The name of the backup that is made before, to find it by.
const NAME: &str = "before-reset";
const FOR_SCRIPTS: &str = "scripts say --yes, and --no-backup when no backup is to be made first";

/// `bulkhead backup reset`.
#[derive(Args)]
pub struct Reset {
    /// Do not offer a backup first
    #[arg(long)]
    no_backup: bool,
    /// Ask nothing: reset, and unless --no-backup is said make a backup first
    #[arg(long)]
    yes: bool,
    /// Wait for the reset for as long as it takes, instead of 5 minutes
    #[arg(long)]
    wait: bool,
}

impl Reset {
    pub(super) fn run(self, session: &Session) -> Result<(), Exit> {
        let service = session.service_or_only()?;
        // A name that nobody knows is refused before anything is asked.
        session.client.get(&format!("/services/{}", segment(&service)))?;
        let warned = format!("All data of {service} will be deleted. There is no undo.");
        let warning = paint("WARNING:", Colour::Bad, Stream::Err);
        if !self.yes {
            if !question::somebody_sits_there() {
                let exit = Exit::new(ExitKind::Usage, format!("{} Nobody was asked", warned.to_lowercase()));
                return Err(exit.with_hint(FOR_SCRIPTS));
            }
            eprintln!("{warning} {warned}");
            question::confirm("Type the name of the service to go on:", &service, FOR_SCRIPTS)?;
        }
        let backup = match !self.no_backup && (self.yes || first_a_backup(&service)?) {
            true => Some(back_up(session, &service)?),
            false => None,
        };
        let path = format!("/services/{}/reset", segment(&service));
        let job = session.client.post(&path, Some(&json!({ "backup": false })))?;
        let id = text(&job, "id");
        if !session.json {
            print(&format!("Reset job: {id}"));
            print(&format!("Deleting all data of {service}"));
        }
        let bound = (!self.wait).then_some(USUAL_BOUND);
        let ended = Follow { client: &session.client, job: id, bound, quiet: session.json }.until_end()?;
        if session.json {
            print_json(&json!({ "backup_id": backup, "job": ended }));
        } else {
            print(text(&ended, "message"));
        }
        Ok(())
    }
}

fn first_a_backup(service: &str) -> Result<bool, Exit> {
    let question = format!("Create a backup of {service} first?");
    YesOrNo { question: &question, default: true, hint: FOR_SCRIPTS }.ask()
}

/// Makes a backup and waits for as long as it takes; without it nothing is reset.
fn back_up(session: &Session, service: &str) -> Result<String, Exit> {
    let body = json!({
        "service_id": service, "backup_type": session.usual_method(service)?, "schedule": "once", "name": NAME,
    });
    let made: Value = session.client.post("/backups/schedules", Some(&body))?;
    let id = text(&made, "backup_id").to_owned();
    if !session.json {
        print(&format!("Backup ID: {id}"));
    }
    let follow = Follow { client: &session.client, job: text(&made, "job_id"), bound: None, quiet: session.json };
    match follow.until_end() {
        Ok(_) => Ok(id),
        Err(exit) => Err(exit.context("the backup before it did not succeed, and nothing was reset")),
    }
}
