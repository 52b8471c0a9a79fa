//! Doing things in the order of what they depend on, as many at once as can go on.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

/// What came of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visited {
    /// It is done.
    Done,
    /// It failed: what depends on it is left out.
    Failed,
}

type Visit<'f> = Pin<Box<dyn Future<Output = (usize, Visited)> + 'f>>;

/// Visits each of `0..dependencies.len()` once everything that it depends on has been. Returns those that were left
/// out because something before them failed. `visit` is polled on this task only.
pub(crate) async fn walk<'f, F>(dependencies: &[BTreeSet<usize>], visit: impl Fn(usize) -> F) -> BTreeSet<usize>
where
    F: Future<Output = Visited> + 'f,
{
    let mut waiting: Vec<usize> = dependencies.iter().map(BTreeSet::len).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); dependencies.len()];
    for (i, needs) in dependencies.iter().enumerate() {
        for &d in needs {
            dependents[d].push(i);
        }
    }
    let mut left_out = BTreeSet::new();
    let mut failed = BTreeSet::new();
    let mut ready: Vec<usize> = (0..dependencies.len()).filter(|i| waiting[*i] == 0).rev().collect();
    let mut running: FuturesUnordered<Visit<'f>> = FuturesUnordered::new();
    loop {
        while let Some(i) = ready.pop() {
            if dependencies[i].iter().any(|d| failed.contains(d)) {
                left_out.insert(i);
                failed.insert(i);
                release(i, &dependents, &mut waiting, &mut ready);
                continue;
            }
            let future = visit(i);
            running.push(Box::pin(async move { (i, future.await) }));
        }
        let Some((i, visited)) = running.next().await else { return left_out };
        if visited == Visited::Failed {
            failed.insert(i);
        }
        release(i, &dependents, &mut waiting, &mut ready);
    }
}

fn release(done: usize, dependents: &[Vec<usize>], waiting: &mut [usize], ready: &mut Vec<usize>) {
    for &d in &dependents[done] {
        waiting[d] -= 1;
        if waiting[d] == 0 {
            ready.push(d);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[tokio::test]
    async fn what_depends_on_a_failure_is_left_out_and_the_rest_goes_on() {
        let dependencies = [BTreeSet::new(), [0].into(), [1].into(), BTreeSet::new(), [3].into()];
        let seen = RefCell::new(Vec::new());
        let left_out = walk(&dependencies, |i| {
            seen.borrow_mut().push(i);
            async move { if i == 1 { Visited::Failed } else { Visited::Done } }
        })
        .await;
        assert_eq!(left_out, [2].into());
        assert_eq!(BTreeSet::from_iter(seen.into_inner()), [0, 1, 3, 4].into());
    }
}
