//! What requests are signed with.

use std::fmt;
use std::sync::Arc;

use bulkhead_plugin_sdk::storage::Result;
use object_bucket::{Credentials, Fault};
use object_store::aws::AwsCredential;

use crate::instance::Instance;

/// How credentials look.
const FORM: &str = r#"{"access_key_id": "...", "secret_access_key": "...", "session_token": "..."}, the last one for temporary keys only"#;

/// What requests are signed with.
pub enum Keys {
    /// The target's own.
    Fixed(Arc<AwsCredential>),
    /// Those of the machine's role.
    Instance(Instance),
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Instance(_) => "Instance",
        })
    }
}

impl Keys {
    /// Reads a target's credentials.
    ///
    /// # Errors
    /// `invalid`, naming the field.
    pub fn parse(credentials: &str) -> Result<Self> {
        let credentials = Credentials::parse(credentials, FORM)?;
        credentials.only(&["access_key_id", "secret_access_key", "session_token"])?;
        Ok(Self::Fixed(Arc::new(AwsCredential {
            key_id: credentials.word("access_key_id")?.to_owned(),
            secret_key: credentials.word("secret_access_key")?.to_owned(),
            token: credentials.optional_word("session_token")?.map(str::to_owned),
        })))
    }

    /// Takes those of the machine's role, when they are needed.
    ///
    /// # Errors
    /// `invalid` for an address that is none.
    pub fn of_instance(address: &str) -> Result<Self> {
        Ok(Self::Instance(Instance::new(object_bucket::address("instance_metadata", address)?)))
    }

    /// The keys as they are now.
    ///
    /// # Errors
    /// When the machine's role has none.
    pub async fn get(&self) -> Result<Arc<AwsCredential>, Fault> {
        match self {
            Self::Fixed(keys) => Ok(keys.clone()),
            Self::Instance(instance) => instance.keys().await,
        }
    }

    /// What no message may repeat.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Fixed(keys) => {
                [Some(keys.secret_key.as_str()), keys.token.as_deref()].into_iter().flatten().collect()
            }
            Self::Instance(_) => Vec::new(),
        }
    }
}
