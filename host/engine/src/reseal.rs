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
    let malformed = |error: String| bulkhead_model::Failure::internal(format!("the catalog holds a malformed id: {error}"));
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
