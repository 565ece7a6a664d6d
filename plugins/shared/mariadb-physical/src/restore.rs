//! Restoring: beside the live data, prepared, swapped in.

use bulkhead_plugin_sdk::method::{
    Failure, Link, Object, Reader, RestoreRequest, Restored, Result, Series, database, info, progress, server, tools,
};

use crate::config::Copying;
use crate::server::match_tool;
use crate::{BACKUP_TOOL, OBJECT, UNPACK_TOOL};

/// What preparing writes besides the data: logs that are rolled forward and made anew.
const EXTRA_BYTES: u64 = 256 << 20;

/// Restores a chain: a complete backup, and what goes on top of it in order.
///
/// # Errors
/// `corrupt`, before anything is staged, for a chain with a link missing; what the tools and the host say.
pub async fn restore(request: &RestoreRequest, config: &Copying, reader: &Reader) -> Result<Restored> {
    if request.until.is_some() {
        return Err(Failure::unsupported("copies of data files restore to no other instant than their own"));
    }
    let Chain { root, increments } = Chain::of(&request.chain)?;
    let last = increments.last().map_or(root.0, |(link, _)| link);
    match_tool(&last.report.server_version, "the backed-up server").await?;
    same_series(&last.report.server_version).await?;

    let bytes: u64 = std::iter::once(&root).chain(&increments).map(|(_, object)| object.plain_bytes).sum();
    progress::expect(bytes);
    // Each increment may add all that it holds to the data.
    server::stage(bytes + bytes / 10 + EXTRA_BYTES).await?;
    let memory = format!("--use-memory={}M", config.prepare_memory_mib);
    let prepare = ["--prepare", "--target-dir=/staging", &memory];
    unpack(root, "/staging", reader).await?;
    progress::phase("prepare");
    run(&prepare).await?;
    for (link, object) in increments {
        server::stage_increment(object.plain_bytes + object.plain_bytes / 10).await?;
        unpack((link, object), "/increment", reader).await?;
        progress::phase("prepare");
        let on_top = [&prepare[..], &["--incremental-dir=/increment"]].concat();
        run(&on_top).await.map_err(|failure| failure.context(format!("putting {} on top", link.backup)))?;
    }

    progress::phase("swap");
    let swapped = server::swap().await?;
    // It may refuse this service's account, which the backup holds as it was then: that is an answer too.
    info!("the restored server answers"; "downtime_ms" => swapped.downtime_ms);
    Ok(Restored::at(last.report.positions.clone()))
}

/// Whether a chain could be restored as it is.
///
/// # Errors
/// `corrupt`, with what is missing.
pub fn check_chain(links: &[Link]) -> Result<()> {
    Chain::of(links).map(drop)
}

async fn unpack((link, object): (&Link, &Object), place: &str, reader: &Reader) -> Result<()> {
    progress::phase("unpack");
    let stream = reader.open(&link.backup, &object.name).await?;
    tools::run(UNPACK_TOOL, ["-x", "-C", place], Some(stream)).await?.wait().await?;
    Ok(())
}

async fn run(arguments: &[&str]) -> Result<()> {
    tools::run(BACKUP_TOOL, arguments.iter().copied(), None).await?.wait().await?;
    Ok(())
}

/// A chain without a gap, each link with the object that it is made of.
struct Chain<'a> {
    root: (&'a Link, &'a Object),
    increments: Vec<(&'a Link, &'a Object)>,
}

impl<'a> Chain<'a> {
    fn of(links: &'a [Link]) -> Result<Self> {
        let with_object = |link: &'a Link| {
            let missing = || Failure::corrupt(format!("{} has no object {OBJECT}", link.backup));
            Ok((link, link.object(OBJECT).ok_or_else(missing)?))
        };
        let (root, rest) = links.split_first().ok_or_else(|| Failure::invalid("there is no backup to restore"))?;
        if root.report.position("base").is_some() || lsn(root, "lsn.from")? != 0 {
            return Err(Failure::corrupt(format!("{} goes on top of another backup, which is missing", root.backup)));
        }
        for (base, link) in links.iter().zip(rest) {
            let fits = link.report.position("base") == Some(base.backup.as_str())
                && lsn(link, "lsn.from")? == lsn(base, "lsn.to")?;
            if !fits {
                return Err(Failure::corrupt(format!("{} does not go on top of {}", link.backup, base.backup)));
            }
        }
        Ok(Self { root: with_object(root)?, increments: rest.iter().map(with_object).collect::<Result<_>>()? })
    }
}

/// A position of InnoDB's log in a link's report.
fn lsn(link: &Link, name: &str) -> Result<u64> {
    let value = link.report.position(name).and_then(|value| value.parse().ok());
    value.ok_or_else(|| Failure::corrupt(format!("{} does not state {name}", link.backup)))
}

/// Refuses a target server of another series, when it can be asked: one that is down is restored all the same, which may be why it is
/// restored at all.
async fn same_series(backed_up: &str) -> Result<()> {
    let Ok(Some(target)) = database::value("SELECT VERSION()").await else { return Ok(()) };
    if Series::of(&target)? == Series::of(backed_up)? {
        return Ok(());
    }
    Err(Failure::unsupported(format!("the backup is of a server {backed_up}, the service runs {target}"))
        .with_hint("restore into a server of the same series, or use a backup made by the method dump"))
}

#[cfg(test)]
mod tests {
    use bulkhead_plugin_sdk::method::Report;

    use super::*;

    fn link(backup: &str, base: Option<&str>, from: u64, to: u64) -> Link {
        let mut report = Report::new("10.11.19-MariaDB");
        report.add("lsn.from", from.to_string());
        report.add("lsn.to", to.to_string());
        if let Some(base) = base {
            report.add("base", base);
        }
        let object = Object { name: OBJECT.to_owned(), media_type: crate::MEDIA_TYPE.to_owned(), plain_bytes: 1 };
        Link { backup: backup.to_owned(), method: "incremental".to_owned(), objects: vec![object], report }
    }

    #[test]
    fn a_chain_is_restored_whole_or_not_at_all() {
        let [a, b, c] = [link("a", None, 0, 10), link("b", Some("a"), 10, 20), link("c", Some("b"), 20, 20)];
        let refused = |links: &[&Link]| {
            let links: Vec<Link> = links.iter().map(|link| (*link).clone()).collect();
            Chain::of(&links).err().map(|failure| failure.message)
        };
        assert_eq!(refused(&[&a]), None);
        assert_eq!(refused(&[&a, &b, &c]), None);
        assert_eq!(refused(&[]).unwrap(), "there is no backup to restore");
        assert_eq!(refused(&[&b, &c]).unwrap(), "b goes on top of another backup, which is missing");
        assert_eq!(refused(&[&a, &c]).unwrap(), "c does not go on top of a");
        assert_eq!(refused(&[&a, &c, &b]).unwrap(), "c does not go on top of a");
        assert_eq!(refused(&[&a, &link("b", Some("a"), 11, 20)]).unwrap(), "b does not go on top of a");
        assert_eq!(
            refused(&[&a, &Link { objects: Vec::new(), ..b.clone() }]).unwrap(),
            "b has no object data.xbstream"
        );
    }
}
