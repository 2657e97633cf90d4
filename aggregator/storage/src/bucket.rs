//! A key-value bucket with records of one type, stored as JSON under keys of one type. Every call has a time-out.

use std::fmt::Debug;
use std::marker::PhantomData;

use async_nats::connection::State;
use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{CreateErrorKind, DeleteErrorKind, Store, UpdateErrorKind};
use async_nats::jetstream::stream::Info;
use bus_keys::streams::BucketSpec;
use bytes::Bytes;
use tokio::time::timeout;

use super::record::{Entry, Record, RecordKey};
use super::replay::ReplayError;
use super::{StoreError, open_kv};

mod error;
mod raw;
mod replayed;

pub use error::BucketError;

/// Attempts to change a record that others change at the same time.
const TRIES: usize = 10;

/// The bucket. Clones share it.
#[derive(Debug)]
pub struct Bucket<T> {
    store: Store,
    jetstream: Context,
    spec: BucketSpec,
    replicas: usize,
    record: PhantomData<fn() -> T>,
}

impl<T> Clone for Bucket<T> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            jetstream: self.jetstream.clone(),
            spec: self.spec,
            replicas: self.replicas,
            record: PhantomData,
        }
    }
}

impl<T: Record> Bucket<T> {
    /// Opens the bucket, creating it if it is missing.
    ///
    /// # Errors
    /// When JetStream is unavailable, or the bucket exists with other settings.
    pub async fn open(jetstream: &Context, replicas: usize) -> Result<Self, StoreError> {
        Self::open_as(jetstream, T::BUCKET, replicas).await
    }

    /// The same with other settings.
    ///
    /// # Errors
    /// See [`Bucket::open`].
    pub async fn open_as(
        jetstream: &Context,
        spec: BucketSpec,
        replicas: usize,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            store: open_kv(jetstream, spec, replicas).await?,
            jetstream: jetstream.clone(),
            spec,
            replicas,
            record: PhantomData,
        })
    }

    /// The same bucket for records of another type with other keys.
    #[must_use]
    pub fn with_records<U: Record>(&self) -> Bucket<U> {
        Bucket {
            store: self.store.clone(),
            jetstream: self.jetstream.clone(),
            spec: self.spec,
            replicas: self.replicas,
            record: PhantomData,
        }
    }

    /// Opens the bucket again, and creates it again if it was deleted.
    pub(super) async fn reopened(&self) -> Result<Self, StoreError> {
        Self::open_as(&self.jetstream, self.spec, self.replicas).await
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// The largest message, in bytes.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        self.jetstream.client().max_payload()
    }

    /// The entry of a key.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn get(&self, key: &T::Key) -> Result<Entry<T>, BucketError> {
        let entry = self.within(self.store.entry(key.as_str())).await?;
        Ok(entry.map_or_else(Entry::never, Entry::from_kv))
    }

    /// Writes a record, replacing any other; returns its revision.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn put(&self, key: &T::Key, record: &T) -> Result<u64, BucketError> {
        self.put_bytes(key.as_str(), self.json(record)?).await
    }

    /// Creates a record; returns its revision.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if there is one already.
    pub async fn create(&self, key: &T::Key, record: &T) -> Result<u64, BucketError> {
        let json = self.json(record)?;
        let created = self.store.create(key.as_str(), json);
        self.written(created, |kind| *kind == CreateErrorKind::AlreadyExists)
            .await
    }

    /// Writes a record if the last revision of its key is this one; returns the new revision.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if it is another one.
    pub async fn update(
        &self,
        key: &T::Key,
        record: &T,
        revision: u64,
    ) -> Result<u64, BucketError> {
        let json = self.json(record)?;
        let updated = self.store.update(key.as_str(), json, revision);
        self.written(updated, |kind| *kind == UpdateErrorKind::WrongLastRevision)
            .await
    }

    /// Changes a record with optimistic concurrency: `change` maps the current entry to the new record and a result, and is called again
    /// after a conflict. Returns the result and the new revision.
    ///
    /// # Errors
    /// Those of `change`; [`BucketError::Conflict`] after too many attempts.
    pub async fn modify<R, E: From<BucketError>>(
        &self,
        key: &T::Key,
        mut change: impl FnMut(Entry<T>) -> Result<(T, R), E>,
    ) -> Result<(R, u64), E> {
        for _ in 0..TRIES {
            let entry = self.get(key).await?;
            let revision = entry.revision;
            let (record, result) = change(entry)?;
            match self.update(key, &record, revision).await {
                Ok(revision) => return Ok((result, revision)),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(self.conflict().into())
    }

    /// Deletes a record if the last revision of its key is this one.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if it is not.
    pub async fn delete(&self, key: &T::Key, revision: u64) -> Result<(), BucketError> {
        let deleted = self
            .store
            .delete_expect_revision(key.as_str(), Some(revision));
        self.written(deleted, |kind| *kind == DeleteErrorKind::WrongLastRevision)
            .await
    }

    /// Deletes a record with its history; returns whether there was one.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn purge(&self, key: &T::Key) -> Result<bool, BucketError> {
        self.purge_key(key.as_str()).await
    }

    pub(super) fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    pub(super) fn info(&self) -> &Info {
        self.store.stream.cached_info()
    }

    fn json(&self, record: &T) -> Result<Bytes, BucketError> {
        let json = serde_json::to_vec(record);
        json.map(Bytes::from)
            .map_err(|error| self.unavailable(Some(error.into())))
    }

    /// Performs a write, unless the link is down: the client would queue it, and deliver it after its caller got an error.
    async fn written<R, K>(
        &self,
        call: impl Future<Output = Result<R, async_nats::error::Error<K>>>,
        is_conflict: impl Fn(&K) -> bool,
    ) -> Result<R, BucketError>
    where
        K: Clone + Debug + std::fmt::Display + PartialEq + Send + Sync + 'static,
    {
        if self.jetstream.client().connection_state() != State::Connected {
            return Err(self.unavailable(None));
        }
        match timeout(T::WITHIN, call).await {
            Ok(Err(error)) if is_conflict(&error.kind()) => Err(self.conflict()),
            done => self.done(done),
        }
    }

    async fn within<R, E: Into<ReplayError>>(
        &self,
        call: impl Future<Output = Result<R, E>>,
    ) -> Result<R, BucketError> {
        self.done(timeout(T::WITHIN, call).await)
    }

    fn done<R, E: Into<ReplayError>>(
        &self,
        done: Result<Result<R, E>, tokio::time::error::Elapsed>,
    ) -> Result<R, BucketError> {
        match done {
            Ok(done) => done.map_err(|error| self.unavailable(Some(error.into()))),
            Err(_) => Err(self.unavailable(None)),
        }
    }

    fn unavailable(&self, source: Option<ReplayError>) -> BucketError {
        let bucket = self.name();
        BucketError::Unavailable { bucket, source }
    }

    fn conflict(&self) -> BucketError {
        let bucket = self.name();
        BucketError::Conflict { bucket }
    }
}
