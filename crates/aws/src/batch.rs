//! Reads of many objects in few calls: keys in chunks, answers by key, and requests of several types gathered into one.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, join_all};
use infra_provider::{Failure, Object};
use tokio::time::Instant;

/// How many values a filter of EC2 may have.
pub(crate) const FILTER_VALUES: usize = 200;

/// A call is made when for so long nobody has come who can be answered by it, too.
const QUIET: Duration = Duration::from_millis(10);
/// The longest that anybody waits for others.
const LONGEST: Duration = Duration::from_millis(500);

/// What was found, by key, and which keys could not be looked up.
#[derive(Debug)]
pub(crate) struct Answers<V> {
    found: BTreeMap<String, V>,
    failed: BTreeMap<String, Failure>,
}

impl<V> Default for Answers<V> {
    fn default() -> Answers<V> {
        Answers { found: BTreeMap::new(), failed: BTreeMap::new() }
    }
}

impl<V> Answers<V> {
    /// The value of a key; `None` if there is none.
    pub(crate) fn get(&self, key: &str) -> Result<Option<&V>, Failure> {
        match self.failed.get(key) {
            Some(failure) => Err(failure.clone()),
            None => Ok(self.found.get(key)),
        }
    }

    /// All that was found.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.found.values()
    }

    /// Fills each object from the value of its key. An object without one is gone.
    pub(crate) fn fill(
        &self,
        objects: Vec<Object>,
        key: impl Fn(&Object) -> &str,
        fill: impl Fn(&mut Object, &V),
    ) -> Vec<Result<Option<Object>, Failure>> {
        let one = |mut object: Object| {
            let found = self.get(key(&object))?;
            Ok(found.map(|value| {
                fill(&mut object, value);
                object
            }))
        };
        objects.into_iter().map(one).collect()
    }
}

/// Looks keys up, at most `size` in a call. `fetch` answers with what it found, by key. Chunks fail one by one.
pub(crate) async fn in_chunks<V, F, Fut>(keys: impl IntoIterator<Item = String>, size: usize, fetch: F) -> Answers<V>
where
    F: Fn(Vec<String>) -> Fut,
    Fut: Future<Output = Result<Vec<(String, V)>, Failure>>,
{
    let keys: Vec<String> = keys.into_iter().filter(|k| !k.is_empty()).collect::<BTreeSet<_>>().into_iter().collect();
    let chunks: Vec<&[String]> = keys.chunks(size).collect();
    let answers = join_all(chunks.iter().map(|chunk| fetch(chunk.to_vec()))).await;
    let mut all = Answers::default();
    for (chunk, answer) in chunks.into_iter().zip(answers) {
        match answer {
            Ok(found) => all.found.extend(found),
            Err(failure) => all.failed.extend(chunk.iter().map(|key| (key.clone(), failure.clone()))),
        }
    }
    all
}

/// Gathers requests that arrive at nearly the same time, from whichever type, and answers them with one call. A request
/// is always answered by a call that began after it, so nothing is ever out of date.
pub(crate) struct Loader<V> {
    open: Mutex<Option<Gathering<V>>>,
}

struct Gathering<V> {
    waiting: Arc<Mutex<Waiting>>,
    answer: Shared<BoxFuture<'static, Arc<Answers<V>>>>,
}

/// Who waits for a call.
struct Waiting {
    /// `None` once the call is being made.
    keys: Option<BTreeSet<String>>,
    /// When the last one came.
    last: Instant,
}

impl<V> Default for Loader<V> {
    fn default() -> Loader<V> {
        Loader { open: Mutex::new(None) }
    }
}

impl<V: Send + Sync + 'static> Loader<V> {
    /// Looks keys up; `fetch` is called with them and those of others (usually it calls [`in_chunks`]).
    pub(crate) async fn load<F, Fut>(&self, keys: impl IntoIterator<Item = String>, fetch: F) -> Arc<Answers<V>>
    where
        F: FnOnce(Vec<String>) -> Fut + Send + 'static,
        Fut: Future<Output = Answers<V>> + Send + 'static,
    {
        self.join(keys.into_iter().collect(), fetch).await
    }

    fn join<F, Fut>(&self, mine: BTreeSet<String>, fetch: F) -> Shared<BoxFuture<'static, Arc<Answers<V>>>>
    where
        F: FnOnce(Vec<String>) -> Fut + Send + 'static,
        Fut: Future<Output = Answers<V>> + Send + 'static,
    {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gathering) = &*open {
            let mut waiting = gathering.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(keys) = &mut waiting.keys {
                keys.extend(mine);
                waiting.last = Instant::now();
                return gathering.answer.clone();
            }
        }
        let first = Instant::now();
        let waiting = Arc::new(Mutex::new(Waiting { keys: Some(mine), last: first }));
        let gathered = waiting.clone();
        // Whoever waits drives it: it goes on if the one who began it is cancelled.
        let answer = async move {
            let keys = loop {
                let until = {
                    let mut waiting = gathered.lock().unwrap_or_else(PoisonError::into_inner);
                    let until = (waiting.last + QUIET).min(first + LONGEST);
                    if until <= Instant::now() {
                        break waiting.keys.take().unwrap_or_default();
                    }
                    until
                };
                tokio::time::sleep_until(until).await;
            };
            Arc::new(fetch(keys.into_iter().collect()).await)
        };
        let answer = answer.boxed().shared();
        *open = Some(Gathering { waiting, answer: answer.clone() });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn requests_made_together_share_a_call_and_chunks_fail_alone() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let fetch = |keys: Vec<String>| {
            in_chunks(keys, 2, |keys| async move {
                CALLS.fetch_add(1, Ordering::Relaxed);
                if keys.contains(&"x".to_string()) {
                    return Err(Failure::new("reading", "no"));
                }
                Ok(keys.into_iter().filter(|k| k != "gone").map(|k| (k.clone(), k.len())).collect())
            })
        };
        let loader = Loader::<usize>::default();
        let keys = |keys: &[&str]| keys.iter().map(|k| k.to_string()).collect::<Vec<_>>();
        let (one, two) =
            tokio::join!(loader.load(keys(&["a", "bb", "gone"]), fetch), loader.load(keys(&["bb", "x"]), fetch));
        assert_eq!(CALLS.load(Ordering::Relaxed), 2);
        assert_eq!(one.get("a"), Ok(Some(&1)));
        assert_eq!(two.get("bb"), Ok(Some(&2)));
        assert!(two.get("x").is_err() && one.get("gone").is_err());
    }
}
