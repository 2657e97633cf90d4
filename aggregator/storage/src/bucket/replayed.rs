//! Reads many records of a bucket, in the order of their revisions.

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;

use super::{Bucket, BucketError};
use crate::record::{Entry, Record};
use crate::replay::{Replay, ReplayError};

impl<T: Record> Bucket<T> {
    /// All records.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn list(&self) -> Result<Vec<(T::Key, Entry<T>)>, BucketError> {
        self.list_matching(T::FILTER).await
    }

    /// The records whose keys match a NATS subject pattern.
    ///
    /// # Errors
    /// [`BucketError::Unavailable`]
    pub async fn list_matching(&self, keys: &str) -> Result<Vec<(T::Key, Entry<T>)>, BucketError> {
        // On the heap, as in `storage`: it is large.
        self.within(Box::pin(self.read_all(keys))).await
    }

    async fn read_all(&self, keys: &str) -> Result<Vec<(T::Key, Entry<T>)>, ReplayError> {
        let mut replay = self
            .replay_from(keys, DeliverPolicy::LastPerSubject)
            .await?;
        let mut all = Vec::new();
        while !replay.is_caught_up() {
            let (message, revision) = replay.next().await?;
            let entry = self.entry(&message, revision);
            all.extend(entry.filter(|(_, entry)| entry.is_there()));
        }
        Ok(all)
    }

    /// The last message of each key, and then each new one.
    pub(crate) async fn replay(&self) -> Result<Replay, ReplayError> {
        self.replay_from(T::FILTER, DeliverPolicy::LastPerSubject)
            .await
    }

    /// The messages of the keys that match a NATS subject pattern, from a position on.
    ///
    /// # Errors
    /// When JetStream does not answer.
    pub async fn replay_from(
        &self,
        keys: &str,
        policy: DeliverPolicy,
    ) -> Result<Replay, ReplayError> {
        let filter = format!("{}{keys}", self.store.prefix);
        let stream = &self.store.stream;
        Replay::open(
            &self.jetstream,
            stream,
            filter,
            policy,
            self.spec.description,
        )
        .await
    }

    /// The entry in a message of the bucket's stream; `None` if it is not for a record of this type.
    #[must_use]
    pub fn entry(&self, message: &Message, revision: u64) -> Option<(T::Key, Entry<T>)> {
        let key = message.subject.strip_prefix(&self.store.prefix)?;
        let entry = Entry::from_message(key, message, revision);
        Some((key.parse().ok()?, entry))
    }
}
