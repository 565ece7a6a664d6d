//! A file that Bulkhead has not made: read whole once, before anything is touched, then once more into what its method restores.

mod file;
mod live;

use std::sync::Arc;
use std::time::Duration;

use bulkhead_catalog::{Restore, RestoreSource};
use bulkhead_model::{Failure, Report, Result};
use bulkhead_runtime::{Level, Link, Object, Observer as _, ServerControl as _};

use self::file::{FileReader, find};
use self::live::{Live, shown};
use super::{Done, dumped, whole};
use crate::config::ServiceConfig;
use crate::executor::Run;
use crate::pipeline::Meter;
use crate::pipeline::foreign::{Dumped, EncryptionKey, Examined, Expected, Found, Reading, Room};
use crate::request::{ExternalFile, FileMethod};
use crate::swap::{self, ServiceControl};
use crate::verb::accounts;
use crate::verb::links::Links;
use crate::verb::replacement::Replacement;
use crate::verb::throw_away::{Place, ThrowAway};

/// One question to the server.
const ASK: Duration = Duration::from_secs(10);

pub(super) async fn run(
    run: &Run,
    service: &ServiceConfig,
    restore: &Restore,
    source: &RestoreSource,
    replacement: &mut Replacement<'_>,
) -> Result<Done> {
    let file = run.engine.external_file(restore, source, &run.job).await?;
    let bucket = run.engine.open_external(&file.bucket).await?;
    run.observer.phase("check");
    let entry = find(&bucket, &file.key).await.map_err(|failure| name(failure, &file))?;
    let key = file.encryption_key.as_ref().map(|key| EncryptionKey::parse(key.expose())).transpose()?;
    let reading = Reading {
        expected: match file.method {
            FileMethod::Mariabackup => Expected::Files,
            FileMethod::Mysqldump => Expected::Dump,
        },
        key,
        room: room(run, service, file.method),
        meter: Arc::new(Meter::default()),
        stop: run.stopper.token.clone(),
    };
    let stored = bucket.get(&entry.key, None).await?;
    let examined = reading.clone().examine(stored).await.map_err(|failure| name(failure, &file))?;
    tell(run, &examined, entry.bytes);
    run.check_stopped()?;
    let link = link(run, restore, &examined);
    let reader = Arc::new(FileReader {
        bucket,
        key: entry.key,
        object: link.objects.iter().map(|object| object.name.clone()).collect(),
        reading: Reading { meter: Arc::clone(&run.meter), ..reading },
        examined: examined.clone(),
    });
    let chain = Links::of(link);
    match &examined.found {
        Found::Files(_) => whole::put(run, service, &chain, reader, replacement).await,
        Found::Dump(dumped) if dumped.replaces_system() => {
            let whole = Whole { dumped, drop_databases: file.drop_databases };
            replace(run, service, &whole, &chain, &reader).await
        }
        Found::Dump(found) => {
            let live = Live::ask(service).await?;
            live.require_words(&found.contents).await.map_err(|failure| name(failure, &file))?;
            let stays = live.compare(run, &found.contents).await.map_err(|failure| name(failure, &file))?;
            if stays {
                // A swap would take it away.
                dumped::rehearse(run, service, &chain, &reader).await?;
                return whole::put(run, service, &chain, reader, replacement).await;
            }
            whole::load(run, service, &chain, reader, replacement).await
        }
    }
}

/// What is free where it will be unpacked.
fn room(run: &Run, service: &ServiceConfig, method: FileMethod) -> Room {
    let data_dir = service.data_dir.as_deref().filter(|_| method == FileMethod::Mariabackup);
    let apart = run.engine.drill_dir();
    Room(swap::free_beside(data_dir.unwrap_or(&apart)).unwrap_or(u64::MAX))
}

/// Failures of a file name it, as there is no backup to name.
fn name(failure: Failure, file: &ExternalFile) -> Failure {
    failure.context(format!("file `{}`", file.key.escape_debug()))
}

/// What was found, for who watches.
fn tell(run: &Run, examined: &Examined, stored_bytes: u64) {
    let (what, version) = match &examined.found {
        Found::Files(files) if files.prepared => {
            ("a prepared backup by mariadb-backup", files.report.server_version.clone())
        }
        Found::Files(files) => ("a backup by mariadb-backup", files.report.server_version.clone()),
        Found::Dump(dumped) => ("a dump", dumped.server_version.clone().unwrap_or_default()),
    };
    let fields = [
        ("layers", examined.layers.join(", ")),
        ("server_version", version),
        ("stored_bytes", stored_bytes.to_string()),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    run.observer.log(Level::Info, &format!("the file is whole: it is {what}"), &fields);
}

/// The file in the words of the method that restores it.
fn link(run: &Run, restore: &Restore, examined: &Examined) -> Link {
    let (name, media_type, plain_bytes, report) = match &examined.found {
        Found::Files(files) => ("data.xbstream", "application/x-xbstream", files.bytes, files.report.clone()),
        Found::Dump(dumped) => {
            let server_version = dumped.server_version.clone().unwrap_or_default();
            let report = Report { server_version, ..Report::default() };
            ("data.sql", "application/sql", dumped.bytes, report)
        }
    };
    let object = Object { name: name.to_owned(), media_type: media_type.to_owned(), plain_bytes };
    Link { backup: restore.backup.clone(), method: run.job.method.clone(), objects: vec![object], report }
}

/// A dump of a whole server.
struct Whole<'d> {
    dumped: &'d Dumped,
    /// Whether databases may go that it does not hold.
    drop_databases: bool,
}

impl Whole<'_> {
    /// Fails when databases of the service would go that may not.
    async fn require_consent(&self, service: &ServiceConfig) -> Result<()> {
        if self.drop_databases {
            return Ok(());
        }
        let hint = "dump the databases without `mysql`, to be loaded into the running server; or let the others go: \
                    `drop_databases`, `--drop-databases` on the command line";
        let lost = async { Live::ask(service).await?.lost(self.dumped).await };
        let lost = lost.await.map_err(|failure| {
            failure.context("the databases that the service would lose cannot be read").with_hint(hint)
        })?;
        if lost.is_empty() {
            return Ok(());
        }
        let names = shown(lost.iter().map(|name| format!("`{name}`")));
        Err(Failure::conflict(format!(
            "the dump holds the server's own tables (`mysql`), so it replaces the whole server, which would lose what the dump \
             does not hold: {names}"
        ))
        .with_hint(hint))
    }
}

/// A dump that holds the server's own tables replaces the whole server: it is loaded beside the live data, and swapped in.
async fn replace(
    run: &Run,
    service: &ServiceConfig,
    whole: &Whole<'_>,
    chain: &Links,
    reader: &Arc<FileReader>,
) -> Result<Done> {
    let again = "dump the databases without `mysql`, to be loaded into the running server";
    swap::require_configured(service).map_err(|failure| {
        Failure::invalid(format!("the dump holds the server's own tables (`mysql`): {}", failure.message))
            .with_hint(again)
    })?;
    let dumped = whole.dumped;
    let dumped_by = dumped.server_version.as_deref().unwrap_or("an unknown version");
    if let Ok(live) = service.connection.ping(ASK).await
        && series(dumped_by) != series(&live)
    {
        return Err(Failure::unsupported(format!(
            "the dump holds the tables of a server of its own (`mysql`), which was {dumped_by}; the service runs {live}"
        ))
        .with_hint(again));
    }
    whole.require_consent(service).await?;
    if let Ok(live) = Live::ask(service).await {
        live.require_words(&dumped.contents).await?;
    }
    run.observer.expect(chain.plain_bytes());
    let control = Arc::new(ServiceControl::new(service, &run.attempt.id, Arc::clone(&run.observer) as _)?);
    let replaced = beside(run, service, whole, chain, reader, &control).await;
    control.close().await;
    replaced?;
    Ok(Done { message: format!("Restore has succeeded!{}", control.remark()), reached: Vec::new() })
}

async fn beside(
    run: &Run,
    service: &ServiceConfig,
    whole: &Whole<'_>,
    chain: &Links,
    reader: &Arc<FileReader>,
    control: &Arc<ServiceControl>,
) -> Result<()> {
    let base = super::base_of(chain)?;
    let throw_away = ThrowAway::new(run, service, Place::Beside(Arc::clone(control)), base, &[]).await?;
    let loaded = async {
        throw_away.restore(run, service, chain, reader).await?;
        run.observer.phase("finish");
        accounts::keep(service, &throw_away.connection()).await?;
        accounts::keep_connecting(service, &throw_away.connection()).await?;
        throw_away.stop().await
    };
    if let Err(failure) = loaded.await {
        throw_away.kill().await;
        return Err(failure);
    }
    // One may have been made while the dump was loaded.
    whole.require_consent(service).await?;
    run.confirm_lease().await?;
    control.swap().await.map(drop)
}

/// The first two numbers of a version of MariaDB; nothing for another server.
fn series(version: &str) -> Option<(&str, &str)> {
    let (major, rest) = version.split_once('.').filter(|_| version.contains("MariaDB"))?;
    Some((major, rest.split('.').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::series;

    #[test]
    fn servers_of_one_series_have_the_same_tables() {
        assert_eq!(series("10.11.19-MariaDB-0+deb12u1-log"), series("10.11.6-MariaDB"));
        assert_ne!(series("10.11.19-MariaDB"), series("11.8.6-MariaDB"));
        assert_eq!((series("8.0.36"), series("an unknown version")), (None, None));
    }
}
