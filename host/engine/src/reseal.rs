//! The master key's rotation: what is sealed under a key of before is sealed anew.

use bulkhead_catalog::{Catalog, SealedNoun, SealedRow};
use bulkhead_model::Result;

use crate::seal::MasterKey;
use crate::{target, webhook};

/// Rows that are read at a time.
const PART: u32 = 200;

/// Seals everything anew that lies under one of the old keys. What lies under a key that this host does not have stays, and is told.
pub(crate) async fn run(catalog: &Catalog, key: &MasterKey) -> Result<()> {
    for noun in [SealedNoun::Webhook, SealedNoun::Target] {
        let (mut after, mut anew) = (None, 0_u64);
        loop {
            let rows = catalog.sealed_not_under(noun, &key.prefix(), after.as_ref(), PART).await?;
            for row in &rows {
                let purpose = purpose(noun, row)?;
                match key.open(&purpose, row.sealed.as_str()) {
                    Ok(plain) => {
                        let sealed = key.seal(&purpose, &plain)?;
                        anew += u64::from(catalog.reseal(noun, row, sealed.into()).await?);
                    }
                    Err(failure) => {
                        tracing::error!(organization = %row.organization, id = row.id, %failure, "a secret of a {noun} cannot be opened");
                    }
                }
            }
            match rows.into_iter().last() {
                Some(last) => after = Some(last),
                None => break,
            }
        }
        if anew > 0 {
            tracing::info!(secrets = anew, "secrets of {noun}s were sealed anew under the present master key");
        }
    }
    Ok(())
}

fn purpose(noun: SealedNoun, row: &SealedRow) -> Result<String> {
    let malformed =
        |error: String| bulkhead_model::Failure::internal(format!("the catalog holds a malformed id: {error}"));
    Ok(match noun {
        SealedNoun::Webhook => {
            let id = row.id.parse().map_err(|error: bulkhead_model::InvalidId| malformed(error.to_string()))?;
            webhook::purpose(&row.organization, &id)
        }
        SealedNoun::Target => {
            let id = row.id.parse().map_err(|error: bulkhead_model::InvalidId| malformed(error.to_string()))?;
            target::purpose(&row.organization, &id)
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bulkhead_catalog::NewWebhook;
    use bulkhead_model::{NoticeEvent, SystemClock, WebhookId};

    use super::*;
    use crate::config::MasterKeySource;

    #[tokio::test]
    async fn a_secret_goes_over_to_the_new_key_and_needs_the_old_one_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("catalog.db").display());
        let catalog = Catalog::open(&url, Arc::new(SystemClock)).await.unwrap();
        let source = |name: &str| MasterKeySource::File(dir.path().join(name));
        let load = |name: &str| MasterKey::load(&source(name), dir.path()).unwrap();
        let (old, new, strange) = (load("old"), load("new"), load("strange"));
        let acme: bulkhead_model::OrganizationId = "acme".parse().unwrap();
        // More than one part, and one that was sealed under a key that nobody has any more.
        let mut ids = Vec::new();
        for place in 0..3 {
            let id = WebhookId::new();
            let key = if place == 2 { &strange } else { &old };
            let sealed = key.seal(&webhook::purpose(&acme, &id), format!("secret {place}").as_bytes()).unwrap();
            let made = NewWebhook {
                id: id.clone(),
                organization: acme.clone(),
                url: "https://example.com/".to_owned(),
                events: vec![NoticeEvent::BackupFailed],
                enabled: true,
                sealed_secret: sealed.into(),
            };
            catalog.create_webhook(made).await.unwrap();
            ids.push(id);
        }
        let with_old = new.clone().with_old(&[source("old")], dir.path()).unwrap();
        run(&catalog, &with_old).await.unwrap();
        for (place, id) in ids.iter().enumerate() {
            let sealed = catalog.webhook(&acme, id).await.unwrap().sealed_secret;
            let opened = new.open(&webhook::purpose(&acme, id), sealed.as_str());
            match place {
                2 => assert!(strange.open(&webhook::purpose(&acme, id), sealed.as_str()).is_ok(), "it was lost"),
                _ => assert_eq!(opened.unwrap(), format!("secret {place}").as_bytes()),
            }
        }
    }
}
