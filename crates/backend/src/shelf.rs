//! Records of what was done to a state, as objects beside it that are only ever added.

use std::sync::Arc;

use infra_history::{Shelf, ShelfError, file_name, number_of};
use infra_provider::Failure;

use crate::s3::{Connection, told};
use crate::worker::Stopped;

/// The records of one workspace.
pub struct S3Shelf {
    pub(crate) connection: Arc<Connection>,
    pub(crate) prefix: String,
}

impl S3Shelf {
    fn key(&self, number: u64) -> String {
        format!("{}{}", self.prefix, file_name(number))
    }

    fn told<T>(&self, answer: Result<Result<T, Failure>, Stopped>) -> Result<T, ShelfError> {
        let failed = |message: String| ShelfError::Failed { place: self.place(), message };
        match answer {
            Ok(answer) => answer.map_err(|failure| failed(told(&failure))),
            Err(Stopped) => Err(failed(Stopped::MESSAGE.into())),
        }
    }
}

impl Shelf for S3Shelf {
    fn place(&self) -> String {
        self.connection.place(&self.prefix)
    }

    fn numbers(&self) -> Result<Vec<u64>, ShelfError> {
        let prefix = self.prefix.clone();
        let keys = self.told(self.connection.call(|c| async move { c.bucket.list(&prefix).await }))?;
        let mut numbers: Vec<u64> = keys.iter().filter_map(|key| number_of(key.strip_prefix(&self.prefix)?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&self, number: u64) -> Result<Option<Vec<u8>>, ShelfError> {
        let key = self.key(number);
        self.told(self.connection.call(|c| async move { c.bucket.get(&key).await }))
    }

    fn add(&self, number: u64, bytes: &[u8]) -> Result<(), ShelfError> {
        let (key, bytes) = (self.key(number), bytes.to_vec());
        let added = self.connection.call(|c| async move {
            match c.bucket.put_new(&key, bytes.clone()).await {
                // An answer that was lost, and the call repeated: then it is our own.
                Ok(false) | Err(_) if c.bucket.get(&key).await.is_ok_and(|there| there.as_ref() == Some(&bytes)) => {
                    Ok(true)
                }
                added => added,
            }
        });
        match self.told(added)? {
            true => Ok(()),
            false => Err(ShelfError::Taken(number)),
        }
    }
}
