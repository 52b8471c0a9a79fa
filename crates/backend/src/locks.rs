//! The locks of a state: an object beside it, an item in a table, or both, as Terraform makes them.

use infra_provider::Failure;
use infra_state::LockInfo;

use crate::bucket::Bucket;
use crate::keys::Names;
use crate::table::Table;

/// The attribute that says who holds a lock.
const INFO: &str = "Info";
/// How often a lock is tried again at once that somebody gave back in the same moment.
const TRIES: u32 = 3;

/// Where locks are kept.
pub(crate) struct Locks<'a> {
    /// The bucket, if the lock is an object.
    pub bucket: Option<&'a Bucket>,
    /// The table, if the lock is an item.
    pub table: Option<&'a Table>,
    pub names: &'a Names,
}

/// What came of trying to take the locks.
#[derive(Debug)]
pub(crate) enum Taking {
    Taken,
    /// Somebody else holds one. Who, if that could be read.
    Held(Option<LockInfo>),
}

/// What came of giving a lock back.
#[derive(Debug)]
pub(crate) enum Giving {
    Given(LockInfo),
    /// There is none.
    None,
    /// There is another one; what it says if that can be read.
    Other(Option<LockInfo>),
}

#[derive(Clone, Copy)]
enum Lock<'a> {
    Object(&'a Bucket),
    Item(&'a Table),
}

impl<'a> Locks<'a> {
    /// The object first, as Terraform takes them.
    fn all(&self) -> impl Iterator<Item = Lock<'a>> {
        self.bucket.map(Lock::Object).into_iter().chain(self.table.map(Lock::Item))
    }

    /// Takes all locks or none.
    pub async fn take(&self, info: &LockInfo) -> Result<Taking, Failure> {
        let mut taken: Vec<Lock<'_>> = Vec::new();
        for lock in self.all() {
            let failed = match self.take_one(lock, info).await {
                Ok(Taking::Taken) => {
                    taken.push(lock);
                    continue;
                }
                failed => failed,
            };
            for lock in taken {
                if let Err(error) = self.remove(lock).await {
                    tracing::warn!(%error, id = info.id, "a lock that is not needed could not be removed");
                }
            }
            return failed;
        }
        Ok(Taking::Taken)
    }

    async fn take_one(&self, lock: Lock<'_>, info: &LockInfo) -> Result<Taking, Failure> {
        let own = |holder: &Option<Option<LockInfo>>| holder.iter().flatten().any(|holder| holder.id == info.id);
        for _ in 0..TRIES {
            let put = self.put_new(lock, &info.to_json()).await;
            if matches!(put, Ok(true)) {
                return Ok(Taking::Taken);
            }
            // An answer may have been lost, and the call repeated: then what is there is our own.
            match (put, self.holder(lock).await) {
                (_, Ok(holder)) if own(&holder) => return Ok(Taking::Taken),
                (Err(error), _) | (Ok(_), Err(error)) => return Err(error),
                (Ok(_), Ok(Some(holder))) => return Ok(Taking::Held(holder)),
                // Somebody has just given it back.
                (Ok(_), Ok(None)) => {}
            }
        }
        Ok(Taking::Held(None))
    }

    /// Gives back the locks with an id.
    pub async fn give(&self, id: &str) -> Result<Giving, Failure> {
        let (mut given, mut other, mut failed) = (None, None, None);
        for lock in self.all() {
            match self.give_one(lock, id).await {
                Ok(Giving::Given(info)) => given = Some(info),
                Ok(Giving::None) => {}
                Ok(Giving::Other(info)) => other = Some(info),
                Err(error) => failed = Some(error),
            }
        }
        match (failed, given, other) {
            (Some(error), ..) => Err(error),
            (None, _, Some(other)) => Ok(Giving::Other(other)),
            (None, Some(given), None) => Ok(Giving::Given(given)),
            (None, None, None) => Ok(Giving::None),
        }
    }

    async fn give_one(&self, lock: Lock<'_>, id: &str) -> Result<Giving, Failure> {
        match self.holder(lock).await? {
            None => Ok(Giving::None),
            Some(Some(holder)) if holder.id == id => {
                self.remove(lock).await?;
                Ok(Giving::Given(holder))
            }
            Some(other) => Ok(Giving::Other(other)),
        }
    }

    async fn put_new(&self, lock: Lock<'_>, info: &str) -> Result<bool, Failure> {
        match lock {
            Lock::Object(bucket) => bucket.put_new(&self.names.lock, info.as_bytes().to_vec()).await,
            Lock::Item(table) => table.put_new(&self.names.item, INFO, info).await,
        }
    }

    /// Whether there is a lock, and what it says if that can be read.
    async fn holder(&self, lock: Lock<'_>) -> Result<Option<Option<LockInfo>>, Failure> {
        let text = match lock {
            Lock::Object(bucket) => {
                let bytes = bucket.get(&self.names.lock).await?;
                bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
            Lock::Item(table) => table.get(&self.names.item, INFO).await?,
        };
        Ok(text.map(|text| LockInfo::from_json(&text)))
    }

    async fn remove(&self, lock: Lock<'_>) -> Result<(), Failure> {
        match lock {
            Lock::Object(bucket) => bucket.delete(&self.names.lock).await,
            Lock::Item(table) => table.delete(&self.names.item).await,
        }
    }
}
