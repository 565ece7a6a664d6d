//! What a component says of its service.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bulkhead_plugin_sdk::Result;
use object_store::client::HttpRequest;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::{Connector, Fault, Operation, PutToken, Refusal};

/// One kind of bucket, opened with its configuration and credentials.
#[async_trait]
pub trait Service: fmt::Debug + Send + Sync + Sized + 'static {
    /// What `object_store` makes requests with.
    type Store: ObjectStore + MultipartStore;

    /// The metadata that holds the mark of the put that made an object, as `object_store` names it.
    const MARK: &'static str;

    /// A store that sends its requests through `connector`, unsigned and without tries of its own.
    ///
    /// # Errors
    /// `invalid` when the configuration makes none.
    fn store(&self, connector: Connector<Self>) -> object_store::Result<Self::Store>;

    /// What a request is for.
    fn operation(&self, request: &HttpRequest) -> Operation;

    /// Adds the headers that `object_store` has no words for.
    ///
    /// # Errors
    /// `invalid` for what no header can hold.
    fn dress(&self, request: &mut HttpRequest, operation: Operation, token: Option<&PutToken>) -> Result<()>;

    /// Signs a request, for one try.
    ///
    /// # Errors
    /// When there is nothing to sign with.
    async fn sign(&self, request: &mut HttpRequest) -> Result<(), Fault>;

    /// What an answer means that says no. Whatever is nothing special of the service is [`Refusal::fault`].
    fn explain(&self, refusal: &Refusal) -> Fault;

    /// What no message may repeat.
    fn secrets(&self) -> Vec<&str>;

    /// Some names in the bucket that start with `prefix` and come after `after`, in the order of their bytes.
    ///
    /// # Errors
    /// When the question could not be answered.
    async fn list(self: Arc<Self>, prefix: &str, after: Option<&str>, limit: u32) -> Result<Listed>;

    /// Deletes an object.
    ///
    /// # Errors
    /// What the service said; that there is no such object among it.
    async fn delete(self: Arc<Self>, path: &Path) -> Result<(), Fault> {
        let store = self.store(Connector::new(self.clone(), None));
        let deleted = match store {
            Ok(store) => store.delete(path).await,
            Err(error) => Err(error),
        };
        deleted.map_err(|error| Fault::of(&error, Operation::Delete.failing()))
    }

    /// Uploads below `prefix` that were begun and neither completed nor aborted, after the one of an earlier page.
    ///
    /// # Errors
    /// When the question could not be answered.
    async fn unfinished(self: Arc<Self>, prefix: &str, after: Option<&Unfinished>) -> Result<Vec<Unfinished>> {
        let _any = (prefix, after);
        Ok(Vec::new())
    }
}

/// A part of a listing of the bucket.
#[derive(Debug, Default)]
pub struct Listed {
    /// Names with size and time of change (seconds since 1970), ascending.
    pub objects: Vec<(String, u64, i64)>,
    /// The name after which there is more; `None` at the end.
    pub more_after: Option<String>,
}

/// An upload in parts that has no end yet.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The object's name in the bucket.
    pub name: String,
    /// The upload's own.
    pub id: String,
    /// When it was begun, microseconds since 1970.
    pub begun_us: u64,
}
