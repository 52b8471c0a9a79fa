//! Binary floating point of any size: a whole number times a power of two.

use std::cmp::Ordering;

use dashu_base::{BitTest, Sign, Signed, UnsignedAbs};
use dashu_int::{IBig, UBig};

/// No magnitude is 2^`RANGE` or more, or 2^-`RANGE` or less, so that no text of a number is of absurd length.
const RANGE: i64 = 1 << 17;

/// `significand * 2^exponent`, with an odd significand (or zero and 0).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Binary {
    significand: IBig,
    exponent: i64,
}

impl Binary {
    pub(super) fn new(magnitude: UBig, exponent: i64) -> Binary {
        Binary::signed(magnitude.into(), exponent)
    }

    pub(super) fn from_i64(n: i64) -> Binary {
        Binary::signed(n.into(), 0)
    }

    fn signed(significand: IBig, exponent: i64) -> Binary {
        match significand.trailing_zeros() {
            None => Binary { significand, exponent: 0 },
            Some(0) => Binary { significand, exponent },
            Some(zeros) => Binary { significand: significand >> zeros, exponent: exponent + zeros as i64 },
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.significand.is_zero()
    }

    pub(super) fn negative(&self) -> bool {
        self.significand.is_negative()
    }

    /// How many bits the significand has.
    pub(super) fn bits(&self) -> usize {
        self.significand.bit_len()
    }

    pub(super) fn magnitude(&self) -> UBig {
        self.significand.clone().unsigned_abs()
    }

    pub(super) fn exponent(&self) -> i64 {
        self.exponent
    }

    /// The position above the highest bit: the magnitude is in [2^(top-1), 2^top).
    fn top(&self) -> i64 {
        self.exponent + self.bits() as i64
    }

    pub(super) fn in_range(&self) -> bool {
        (-RANGE..=RANGE).contains(&self.top())
    }

    /// Whether a decimal number of this magnitude can be in range at all.
    pub(super) fn decimal_exponent_in_range(exponent: i64) -> bool {
        exponent.unsigned_abs() <= RANGE.unsigned_abs() / 3
    }

    /// Rounded to `precision` bits, to the nearest, to even where there are two.
    pub(super) fn rounded(self, precision: usize) -> Binary {
        self.rounded_with(precision, false)
    }

    /// Rounded; `more` says that the true magnitude is a little greater than this one (by less than a unit).
    fn rounded_with(self, precision: usize, more: bool) -> Binary {
        let bits = self.bits();
        if bits <= precision {
            return self;
        }
        let drop = bits - precision;
        let (sign, magnitude) = self.significand.into_parts();
        let half = magnitude.bit(drop - 1);
        let beyond = more || magnitude.trailing_zeros().is_some_and(|zeros| zeros < drop - 1);
        let mut kept = magnitude >> drop;
        if half && (beyond || kept.bit(0)) {
            kept += 1u8;
        }
        Binary::signed(IBig::from_parts(sign, kept), self.exponent + drop as i64)
    }

    pub(super) fn neg(&self) -> Binary {
        Binary { significand: -self.significand.clone(), exponent: self.exponent }
    }

    /// The sum, exact enough to be rounded to `precision` bits.
    pub(super) fn add(&self, other: &Binary, precision: usize) -> Binary {
        if self.is_zero() {
            return other.clone();
        }
        if other.is_zero() {
            return self.clone();
        }
        let (high, low) = if self.top() >= other.top() { (self, other) } else { (other, self) };
        let room = (high.bits().max(precision) + 3) as i64;
        if high.top() - low.top() > room {
            // The lower one only decides in which direction to round: any magnitude so low does.
            let shift = room as usize;
            let nudge: IBig = if low.negative() { IBig::NEG_ONE } else { IBig::ONE };
            return Binary::signed((high.significand.clone() << shift) + nudge, high.exponent - room);
        }
        let exponent = self.exponent.min(other.exponent);
        let lift = |b: &Binary| b.significand.clone() << (b.exponent - exponent) as usize;
        Binary::signed(lift(self) + lift(other), exponent)
    }

    pub(super) fn mul(&self, other: &Binary) -> Binary {
        Binary::signed(&self.significand * &other.significand, self.exponent + other.exponent)
    }

    /// The quotient rounded to `precision` bits; `other` is not zero.
    pub(super) fn div(&self, other: &Binary, precision: usize) -> Binary {
        if self.is_zero() {
            return self.clone();
        }
        let shift = (precision + 2 + other.bits()).saturating_sub(self.bits());
        let sign = self.significand.sign() * other.significand.sign();
        let (dividend, divisor) = (self.magnitude() << shift, other.magnitude());
        let quotient = &dividend / &divisor;
        let more = dividend != &quotient * divisor;
        let exponent = self.exponent - other.exponent - shift as i64;
        // Not normalised before rounding: trailing zeros matter while there is a remainder.
        Binary { significand: IBig::from_parts(sign, quotient), exponent }.rounded_with(precision, more).normal()
    }

    fn normal(self) -> Binary {
        Binary::signed(self.significand, self.exponent)
    }

    /// Five to a power; exact where that fits the bits that are kept, and otherwise much closer than any number is.
    pub(super) fn power_of_five(mut power: u64) -> Binary {
        const KEPT: usize = 640;
        let mut result = Binary::from_i64(1);
        let mut square = Binary::from_i64(5);
        while power > 0 {
            if power & 1 == 1 {
                result = result.mul(&square).rounded(KEPT);
            }
            square = square.mul(&square).rounded(KEPT);
            power >>= 1;
        }
        result
    }

    /// The same times a power of two.
    pub(super) fn scaled(self, power: i64) -> Binary {
        if self.is_zero() { self } else { Binary { exponent: self.exponent + power, ..self } }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    pub(super) fn trunc(&self) -> Binary {
        if self.is_whole() {
            return self.clone();
        }
        let drop = usize::try_from(-self.exponent).unwrap_or(usize::MAX);
        let (sign, magnitude) = self.significand.clone().into_parts();
        Binary::signed(IBig::from_parts(sign, magnitude >> drop), 0)
    }

    /// The whole number that this is.
    pub(super) fn to_whole(&self) -> Option<IBig> {
        self.is_whole().then(|| self.significand.clone() << self.exponent as usize)
    }

    pub(super) fn to_i64(&self) -> Option<i64> {
        if !self.is_whole() || self.top() > 64 {
            return None;
        }
        i64::try_from(self.to_whole()?).ok()
    }

    /// The nearest float.
    pub(super) fn to_f64(&self) -> f64 {
        // Below 2^-1021 a float has fewer bits.
        let room = if self.top() < -1021 { 53 + self.top() + 1021 } else { 53 };
        if room < 0 {
            return if self.negative() { -0.0 } else { 0.0 };
        }
        let near = self.clone().rounded(room as usize);
        if near.top() > 1024 {
            return if self.negative() { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        let significand = i64::try_from(&near.significand).unwrap_or_default() as f64;
        // Two steps, as 2^exponent alone may be out of range.
        let step = |e: i64| 2f64.powi(e as i32);
        let first = near.exponent.clamp(-1000, 1000);
        significand * step(first) * step(near.exponent - first)
    }
}

impl Ord for Binary {
    fn cmp(&self, other: &Binary) -> Ordering {
        let rank = |b: &Binary| match (b.is_zero(), b.significand.sign()) {
            (true, _) => 0,
            (_, Sign::Negative) => -1,
            (_, Sign::Positive) => 1,
        };
        let by_magnitude = || {
            self.top().cmp(&other.top()).then_with(|| {
                let exponent = self.exponent.min(other.exponent);
                let lift = |b: &Binary| b.magnitude() << (b.exponent - exponent) as usize;
                lift(self).cmp(&lift(other))
            })
        };
        rank(self).cmp(&rank(other)).then_with(|| match rank(self) {
            0 => Ordering::Equal,
            1 => by_magnitude(),
            _ => by_magnitude().reverse(),
        })
    }
}

impl PartialOrd for Binary {
    fn partial_cmp(&self, other: &Binary) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
