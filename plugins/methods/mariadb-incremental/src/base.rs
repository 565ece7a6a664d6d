//! Whether there is a backup to go on top of, and whether one should.

use bulkhead_plugin_sdk::method::{Failure, Link, Result, database};
use mariadb_physical::{Base, OBJECT, Server, check_chain};

use crate::config::{Config, Otherwise};

/// How a backup begins.
#[derive(Debug, PartialEq, Eq)]
pub enum Start {
    /// On top of the newest link.
    On(Base),
    /// As the first of a new chain, for a reason.
    Anew(String),
}

/// Decides. `chain` is the newest one of the service, first the backup that restores alone.
///
/// # Errors
/// Where the configuration refuses rather than begins a new chain.
pub async fn choose(chain: &[Link], server: &Server, config: &Config) -> Result<Start> {
    let Some(newest) = chain.last() else {
        return otherwise(
            config.on_missing_base,
            "the service has no backup that an incremental could go on top of".to_owned(),
        );
    };
    if let Err(failure) = check_chain(chain) {
        return otherwise(config.on_missing_base, failure.message);
    }
    if let Some(reason) = server.differs_from(&newest.report).await? {
        return otherwise(
            config.on_missing_base,
            format!("an incremental cannot go on top of {}: {reason}", newest.backup),
        );
    }
    if let Some(reason) = limit(chain, age_hours(&chain[0]).await?, config) {
        return match config.on_limit {
            Otherwise::Full => Ok(Start::Anew(reason)),
            Otherwise::Refuse => Err(Failure::unsupported(reason)
                .with_hint("make a full backup, which begins a new chain, or set on_limit = \"full\"")),
        };
    }
    let lsn = newest.report.position("lsn.to").and_then(|lsn| lsn.parse().ok());
    let lsn = lsn.ok_or_else(|| Failure::corrupt(format!("{} does not state lsn.to", newest.backup)))?;
    Ok(Start::On(Base { backup: newest.backup.clone(), lsn }))
}

fn otherwise(way: Otherwise, reason: String) -> Result<Start> {
    match way {
        Otherwise::Full => Ok(Start::Anew(reason)),
        Otherwise::Refuse => Err(Failure::unsupported(reason)
            .with_hint("make a full backup first, or set on_missing_base = \"full\" to have one made in its place")),
    }
}

/// Which limit the chain has reached.
fn limit(chain: &[Link], age_hours: Option<u64>, config: &Config) -> Option<String> {
    let size = |link: &Link| link.object(OBJECT).map_or(0, |object| object.plain_bytes);
    let (root, increments) = chain.split_first()?;
    let length = increments.len() as u64;
    if length >= config.chain_length_max {
        return Some(format!("the chain of {} has {length} increments (chain_length_max)", root.backup));
    }
    if let Some(hours) = age_hours.filter(|hours| *hours >= config.chain_age_max_hours) {
        return Some(format!("the chain of {} is {hours} hours old (chain_age_max_hours)", root.backup));
    }
    let (whole, added): (u64, u64) = (size(root), increments.iter().map(size).sum());
    // Rounded, which does not matter for a ratio that somebody chose.
    if added as f64 > whole as f64 * config.chain_size_ratio_max {
        let root = &root.backup;
        return Some(format!("the increments on {root} hold {added} bytes, it holds {whole} (chain_size_ratio_max)"));
    }
    None
}

/// Hours since a backup, by the server's clock.
async fn age_hours(link: &Link) -> Result<Option<u64>> {
    let Some(time) = link.report.point_in_time.as_deref().and_then(|time| time.get(..19)) else { return Ok(None) };
    if !time.bytes().all(|byte| byte.is_ascii_digit() || b"-:T".contains(&byte)) {
        return Ok(None);
    }
    let hours = database::value(&format!("SELECT TIMESTAMPDIFF(HOUR, '{time}', UTC_TIMESTAMP())")).await?;
    Ok(hours.and_then(|hours| hours.parse().ok()))
}

#[cfg(test)]
mod tests {
    use bulkhead_plugin_sdk::method::{Object, Report};

    use super::*;

    fn link(plain_bytes: u64) -> Link {
        let object = Object { name: OBJECT.to_owned(), media_type: String::new(), plain_bytes };
        let report = Report::new("10.11.19-MariaDB");
        Link { backup: "a".to_owned(), method: "incremental".to_owned(), objects: vec![object], report }
    }

    #[test]
    fn a_chain_ends_by_length_age_or_size() {
        let config = Config { chain_length_max: 2, chain_age_max_hours: 24, ..Config::default() };
        let limit = |sizes: &[u64], hours| {
            let chain: Vec<Link> = sizes.iter().copied().map(link).collect();
            limit(&chain, hours, &config)
        };
        assert_eq!(limit(&[100, 60], Some(23)), None);
        assert_eq!(limit(&[100, 60], None), None);
        assert!(limit(&[100, 10, 10], Some(1)).unwrap().ends_with("has 2 increments (chain_length_max)"));
        assert!(limit(&[100], Some(24)).unwrap().ends_with("is 24 hours old (chain_age_max_hours)"));
        assert!(limit(&[100, 101], Some(1)).unwrap().ends_with("hold 101 bytes, it holds 100 (chain_size_ratio_max)"));
    }

    #[test]
    fn without_a_base_the_configuration_decides() {
        let refused = otherwise(Otherwise::Refuse, "no base".to_owned()).unwrap_err();
        assert_eq!(refused.message, "no base");
        assert!(refused.hint.unwrap().contains("make a full backup first"));
        assert_eq!(otherwise(Otherwise::Full, "no base".to_owned()).unwrap(), Start::Anew("no base".to_owned()));
    }
}
