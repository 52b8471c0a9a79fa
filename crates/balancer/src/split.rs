//! Weights: which of several gets the next request.

use std::sync::{Mutex, PoisonError};

/// Spreads requests by weight as evenly as can be: each choice takes the one that is furthest behind its share.
#[derive(Debug)]
pub(crate) struct Split {
    weights: Vec<i64>,
    credit: Mutex<Vec<i64>>,
}

impl Split {
    pub(crate) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        // With one alone its weight means nothing.
        let weights = if weights.len() == 1 { vec![1] } else { weights };
        Split { credit: Mutex::new(vec![0; weights.len()]), weights }
    }

    /// The next one. `None` if no weight is above 0.
    pub(crate) fn next(&self) -> Option<usize> {
        let total: i64 = self.weights.iter().sum();
        let mut open = self.weights.iter().enumerate().filter(|(_, weight)| **weight > 0);
        let first = open.next()?.0;
        if open.next().is_none() {
            return Some(first);
        }
        let mut credit = self.credit.lock().unwrap_or_else(PoisonError::into_inner);
        let mut best = first;
        for (at, weight) in self.weights.iter().enumerate() {
            credit[at] += weight;
            if credit[at] > credit[best] {
                best = at;
            }
        }
        credit[best] -= total;
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gets_exactly_its_share_of_every_round() {
        for weights in [vec![1, 1], vec![90, 10], vec![0, 5], vec![999, 1], vec![3, 0, 2, 5]] {
            let total: u32 = weights.iter().sum();
            let split = Split::new(weights.clone());
            let mut counts = vec![0; weights.len()];
            for _ in 0..total {
                counts[split.next().unwrap()] += 1;
            }
            assert_eq!(counts, weights);
        }
    }

    #[test]
    fn small_shares_are_spread_and_not_bunched() {
        let split = Split::new([75, 25]);
        let order: Vec<_> = (0..8).filter_map(|_| split.next()).collect();
        assert_eq!(order, [0, 0, 1, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn weights_of_zero_get_nothing() {
        assert_eq!(Split::new([0, 0]).next(), None);
        assert_eq!(Split::new([]).next(), None);
        assert_eq!(Split::new([0]).next(), Some(0));
    }
}
