//! Decimal texts of binary numbers, read and written.

use dashu_int::UBig;

use super::NumberError;
use super::float::Binary;

/// Reads digits with or without a point and an exponent: `12`, `.5`, `5.`, `1e-3`. The magnitude only.
pub(super) fn parse(text: &str) -> Result<Binary, NumberError> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    let exponent = exponent.map_or(Ok(0), parse_exponent)?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(Binary::from_i64(0));
    }
    let exponent = exponent.saturating_sub(fraction.len() as i64);
    if !Binary::decimal_exponent_in_range(exponent) {
        return Err(NumberError::OutOfRange);
    }
    let mantissa = Binary::new(UBig::from_str_radix(digits, 10).map_err(|_| NumberError::Syntax)?, 0);
    let fives = Binary::power_of_five(exponent.unsigned_abs());
    // Many more bits than any number keeps, so that rounding once more does not matter.
    const ENOUGH: usize = 1024;
    let value = if exponent < 0 { mantissa.div(&fives, ENOUGH) } else { mantissa.mul(&fives) };
    Ok(value.scaled(exponent))
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    text.parse().map_err(|_| NumberError::OutOfRange)
}

/// Decimal digits `0.d1d2d3… * 10^point`, without leading or trailing zeros; none for zero.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    /// All digits of `magnitude * 2^exponent`.
    fn exact(magnitude: UBig, exponent: i64) -> Digits {
        let (whole, behind) = match usize::try_from(exponent) {
            Ok(shift) => (magnitude << shift, 0),
            Err(_) => {
                let places = exponent.unsigned_abs() as usize;
                (magnitude * UBig::from(5u8).pow(places), places)
            }
        };
        if whole == UBig::ZERO {
            return Digits { digits: Vec::new(), point: 0 };
        }
        let digits = whole.to_string().into_bytes();
        let point = digits.len() as i64 - behind as i64;
        Digits { digits, point }.trimmed()
    }

    fn trimmed(mut self) -> Digits {
        let kept = self.digits.iter().rposition(|d| *d != b'0').map_or(0, |i| i + 1);
        self.digits.truncate(kept);
        if kept == 0 {
            self.point = 0;
        }
        self
    }

    fn at(&self, i: usize) -> u8 {
        self.digits.get(i).copied().unwrap_or(b'0')
    }

    fn truncated(mut self, n: usize) -> Digits {
        self.digits.truncate(n);
        self.trimmed()
    }

    fn truncated_up(mut self, n: usize) -> Digits {
        self.digits.truncate(n);
        while self.digits.last() == Some(&b'9') {
            self.digits.pop();
        }
        match self.digits.last_mut() {
            Some(last) => *last += 1,
            None => {
                self.digits.push(b'1');
                self.point += 1;
            }
        }
        self
    }

    /// Rounded to `n` digits: to the nearest, to even where there are two.
    fn rounded(self, n: usize) -> Digits {
        if n >= self.digits.len() {
            return self;
        }
        let tie = self.digits[n] == b'5' && n + 1 == self.digits.len();
        let up = if tie { n > 0 && (self.digits[n - 1] - b'0') % 2 == 1 } else { self.digits[n] >= b'5' };
        if up { self.truncated_up(n) } else { self.truncated(n) }
    }

    /// Without exponent, with at least `decimals` digits behind the point.
    fn plain(&self, negative: bool, decimals: usize) -> String {
        let mut text = String::with_capacity(self.digits.len() + 8);
        if negative {
            text.push('-');
        }
        let whole = usize::try_from(self.point).unwrap_or(0);
        if whole == 0 {
            text.push('0');
        }
        text.extend((0..whole).map(|i| char::from(self.at(i))));
        let behind = (self.digits.len() as i64 - self.point).max(0) as usize;
        let behind = behind.max(decimals);
        if behind > 0 {
            text.push('.');
            for place in 0..behind as i64 {
                let digit = usize::try_from(self.point + place).map_or(b'0', |i| self.at(i));
                text.push(char::from(digit));
            }
        }
        text
    }

    /// With exponent, with at least `decimals` digits behind the point.
    fn with_exponent(&self, negative: bool, decimals: usize) -> String {
        let mut text = String::new();
        if negative {
            text.push('-');
        }
        text.push(char::from(self.at(0)));
        let behind = self.digits.len().saturating_sub(1).max(decimals);
        if behind > 0 {
            text.push('.');
            text.extend((1..=behind).map(|i| char::from(self.at(i))));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        let sign = if exponent < 0 { '-' } else { '+' };
        text.push_str(&format!("e{sign}{:02}", exponent.unsigned_abs()));
        text
    }
}

/// The shortest decimal that lies nearer to the number than to any other one of the precision.
pub(super) fn shortest(value: &Binary, precision: usize) -> String {
    if value.is_zero() {
        return "0".into();
    }
    let exact = Digits::exact(value.magnitude(), value.exponent());
    shortest_digits(exact, value, precision).plain(value.negative(), 0)
}

fn shortest_digits(exact: Digits, value: &Binary, precision: usize) -> Digits {
    // In units of half of the last place: the number is `middle`, its neighbours' borders are one unit away.
    let shift = (precision + 1).saturating_sub(value.bits());
    let middle = value.magnitude() << shift;
    let exponent = value.exponent() - shift as i64;
    // The borders themselves read back as the number if its last bit is even; a significand that is not shifted further
    // than to make room for halves ends in a one.
    let inclusive = shift > 1;
    let lower = Digits::exact(&middle - 1u8, exponent);
    let upper = Digits::exact(middle + 1u8, exponent);
    for (i, digit) in exact.digits.iter().copied().enumerate() {
        let down = lower.at(i) != digit || (inclusive && i + 1 == lower.digits.len());
        let up = upper.at(i) != digit && (inclusive || digit + 1 < upper.at(i) || i + 1 < upper.digits.len());
        match (down, up) {
            (true, true) => return exact.rounded(i + 1),
            (true, false) => return exact.truncated(i + 1),
            (false, true) => return exact.truncated_up(i + 1),
            (false, false) => {}
        }
    }
    exact
}

/// With exactly `decimals` digits behind the point.
pub(super) fn fixed(negative: bool, value: &Binary, decimals: usize) -> String {
    let exact = Digits::exact(value.magnitude(), value.exponent());
    let kept = exact.point + decimals as i64;
    let digits = match usize::try_from(kept) {
        Ok(kept) => exact.rounded(kept),
        Err(_) => Digits { digits: Vec::new(), point: 0 },
    };
    digits.plain(negative, decimals)
}

/// In exponent notation, with exactly `decimals` digits behind the point.
pub(super) fn exponent(negative: bool, value: &Binary, decimals: usize) -> String {
    Digits::exact(value.magnitude(), value.exponent()).rounded(decimals + 1).with_exponent(negative, decimals)
}

/// The shorter one of both notations for `count` significant digits.
pub(super) fn general(negative: bool, value: &Binary, count: usize) -> String {
    let digits = Digits::exact(value.magnitude(), value.exponent()).rounded(count.max(1));
    let exponent = digits.point - 1;
    let mut limit = count.max(1) as i64;
    // A whole number that needs fewer digits than asked for is only written out that far.
    if limit > digits.digits.len() as i64 && digits.digits.len() as i64 >= digits.point {
        limit = digits.digits.len() as i64;
    }
    if exponent < -4 || exponent >= limit { digits.with_exponent(negative, 0) } else { digits.plain(negative, 0) }
}
