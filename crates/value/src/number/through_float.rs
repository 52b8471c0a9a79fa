//! What is computed with 64-bit floats: conversion, powers and logarithms, to the same last bit as Terraform.

use super::float::Binary;
use super::{FLOAT, Form, Number, NumberError};

pub(super) fn from_f64(n: f64) -> Result<Number, NumberError> {
    if n.is_nan() {
        return Err(NumberError::NotANumber);
    }
    if n.is_infinite() {
        return Ok(Number { form: Form::Infinite { negative: n < 0.0 }, precision: FLOAT });
    }
    let (fraction, exponent) = split(n.abs());
    let significand = (fraction * 2f64.powi(53)) as u64;
    Number::from_binary(n.is_sign_negative(), Binary::new(significand.into(), exponent - 53), FLOAT)
}

/// A magnitude as a fraction in [0.5, 1) and a power of two.
fn split(n: f64) -> (f64, i64) {
    if n == 0.0 {
        return (0.0, 0);
    }
    // Subnormal floats are first made normal ones.
    let (n, scale) = if n < f64::MIN_POSITIVE { (n * 2f64.powi(54), 54) } else { (n, 0) };
    let bits = n.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1022;
    (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), exponent - scale)
}

/// `fraction * 2^exponent`.
fn join(fraction: f64, exponent: i64) -> f64 {
    let exponent = exponent.clamp(-2200, 2200);
    let first = exponent.clamp(-1000, 1000);
    let second = (exponent - first).clamp(-1000, 1000);
    let third = exponent - first - second;
    let step = |e: i64| 2f64.powi(e as i32);
    fraction * step(first) * step(second) * step(third)
}

/// `x` to the power of `y`: whole part by squaring, the rest by logarithm. Libraries differ in the last bit, and
/// Terraform shows it.
pub(super) fn pow(x: f64, y: f64) -> f64 {
    let magnitude = y.abs();
    let odd = magnitude.fract() == 0.0 && magnitude % 2.0 == 1.0;
    match () {
        () if y == 0.0 || x == 1.0 => return 1.0,
        () if y == 1.0 => return x,
        () if x.is_nan() || y.is_nan() => return f64::NAN,
        () if x == 0.0 || x.is_infinite() || y.is_infinite() => return x.powf(y),
        () if y == 0.5 => return x.sqrt(),
        () if y == -0.5 => return 1.0 / x.sqrt(),
        () => {}
    }
    let (mut whole, mut rest) = (magnitude.trunc(), magnitude.fract());
    if rest != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 2f64.powi(63) {
        return x.powf(y);
    }
    let mut fraction = 1.0;
    let mut exponent = 0;
    if rest != 0.0 {
        if rest > 0.5 {
            rest -= 1.0;
            whole += 1.0;
        }
        fraction = (rest * ln(x)).exp();
    }
    let (mut square, mut square_exponent) = split(x.abs());
    let mut left = whole as i64;
    while left != 0 {
        if !(-4096..=4096).contains(&square_exponent) {
            // Out of any float's range: the result is zero or infinite.
            exponent += square_exponent;
            break;
        }
        if left & 1 == 1 {
            fraction *= square;
            exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 {
        fraction = 1.0 / fraction;
        exponent = -exponent;
    }
    let (fraction, more) = split(fraction);
    let result = join(fraction, exponent + more);
    if x < 0.0 && odd { -result } else { result }
}

/// The natural logarithm: `ln(2^k * (1 + f))` with a polynomial for `ln(1 + f)`, the classic of numerical libraries.
pub(super) fn ln(x: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const ODD: [f64; 4] =
        [6.666_666_666_666_735e-1, 2.857_142_874_366_239e-1, 1.818_357_216_161_805e-1, 1.479_819_860_511_658_6e-1];
    const EVEN: [f64; 3] = [3.999_999_999_940_942e-1, 2.222_219_843_214_978_4e-1, 1.531_383_769_920_937_3e-1];
    if x.is_nan() || x <= 0.0 || x.is_infinite() {
        return x.ln();
    }
    let (mut fraction, mut exponent) = split(x);
    if fraction < std::f64::consts::FRAC_1_SQRT_2 {
        fraction *= 2.0;
        exponent -= 1;
    }
    let f = fraction - 1.0;
    let k = exponent as f64;
    let s = f / (2.0 + f);
    let s2 = s * s;
    let s4 = s2 * s2;
    let odd = s2 * (ODD[0] + s4 * (ODD[1] + s4 * (ODD[2] + s4 * ODD[3])));
    let even = s4 * (EVEN[0] + s4 * (EVEN[1] + s4 * EVEN[2]));
    let half_square = 0.5 * f * f;
    k * LN2_HIGH - ((half_square - (s * (half_square + (odd + even)) + k * LN2_LOW)) - f)
}
