//! Numbers: binary floating point with a 512-bit mantissa, shown as decimals.
//!
//! A number remembers the precision of its mantissa as Terraform's do: 512 bits where it was written, 64 bits where it
//! was counted, 53 bits where it came from a float. The precision of a result is the greater one of the operands'; it
//! shows in the last digits only, and equality does not see it.

mod decimal;
mod float;
mod through_float;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashu_int::{IBig, UBig};
use float::Binary;

/// The precision of numbers that are written or computed from such, in bits.
const WRITTEN: u16 = 512;
/// The precision of numbers that are counted (lengths, indexes).
const COUNTED: u16 = 64;
/// The precision of numbers that come from 64-bit floats.
const FLOAT: u16 = 53;

/// A number of the language.
#[derive(Clone, Debug)]
pub struct Number {
    form: Form,
    precision: u16,
}

/// The kinds of numbers. A number has one form only: what fits `Small` is `Small`, so that equality is simple.
#[derive(Clone, Debug)]
enum Form {
    Small(i64),
    /// Equal to zero, but shown as `-0`, as Terraform does.
    NegativeZero,
    Large(Arc<Binary>),
    Infinite {
        negative: bool,
    },
}

/// Why there is no such number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NumberError {
    /// The text is not a decimal number.
    #[error("a decimal number is required")]
    Syntax,
    /// Not a number (NaN), which the language does not have.
    #[error("the result is not a number")]
    NotANumber,
    /// The exponent is beyond what is supported.
    #[error("the number is out of the supported range")]
    OutOfRange,
    /// Zero by zero, or infinity by infinity.
    #[error("can't divide zero by zero or infinity by infinity")]
    Division,
    /// Infinity and its opposite.
    #[error("can't compute sum of opposing infinities")]
    Sum,
    /// Infinity less itself.
    #[error("can't subtract infinity from itself")]
    Difference,
    /// Zero times infinity.
    #[error("can't multiply zero by infinity")]
    Product,
}

impl Number {
    /// Zero.
    pub const ZERO: Number = Number { form: Form::Small(0), precision: COUNTED };

    /// Parses decimal notation: a sign, digits with or without a point, an exponent; or `inf`.
    pub fn parse(text: &str) -> Result<Number, NumberError> {
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "inf" || rest == "Inf" {
            return Ok(Number { form: Form::Infinite { negative }, precision: WRITTEN });
        }
        if rest.len() <= 18 && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()) {
            let n: i64 = rest.parse().map_err(|_| NumberError::Syntax)?;
            return Ok(Number::zero_or(negative, if negative { -n } else { n }, WRITTEN));
        }
        Number::from_binary(negative, decimal::parse(rest)?, WRITTEN)
    }

    /// Parses a whole number in a base from 2 to 62. Up to base 36 letters of either case are digits; beyond it the
    /// lower-case letters come before the upper-case ones.
    pub fn parse_int(text: &str, base: u32) -> Result<Number, NumberError> {
        if !(2..=62).contains(&base) {
            return Err(NumberError::Syntax);
        }
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if digits.is_empty() {
            return Err(NumberError::Syntax);
        }
        let mut n = UBig::ZERO;
        for byte in digits.bytes() {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'z' => byte - b'a' + 10,
                b'A'..=b'Z' if base <= 36 => byte - b'A' + 10,
                b'A'..=b'Z' => byte - b'A' + 36,
                _ => return Err(NumberError::Syntax),
            };
            if u32::from(digit) >= base {
                return Err(NumberError::Syntax);
            }
            n = n * base + u32::from(digit);
        }
        // A whole number that was parsed as such keeps all of its digits.
        let bits = u16::try_from(dashu_base::BitTest::bit_len(&n)).map_err(|_| NumberError::OutOfRange)?;
        Number::from_binary(negative && n != UBig::ZERO, Binary::new(n, 0), bits.max(COUNTED))
    }

    /// The number that a float is; NaN is an error.
    pub fn from_f64(n: f64) -> Result<Number, NumberError> {
        through_float::from_f64(n)
    }

    /// The number, if it is whole and fits.
    pub fn to_i64(&self) -> Option<i64> {
        match self.form {
            Form::Small(n) => Some(n),
            Form::NegativeZero => Some(0),
            _ => None,
        }
    }

    /// The number, if it is whole and fits.
    pub fn to_u64(&self) -> Option<u64> {
        match &self.form {
            Form::Large(b) if !b.negative() => b.to_whole().and_then(|n| u64::try_from(n).ok()),
            _ => self.to_i64().and_then(|n| u64::try_from(n).ok()),
        }
    }

    /// The nearest float; infinite where the number is too large for one.
    pub fn to_f64(&self) -> f64 {
        match &self.form {
            Form::Small(n) => *n as f64,
            Form::NegativeZero => -0.0,
            Form::Large(b) => b.to_f64(),
            Form::Infinite { negative: true } => f64::NEG_INFINITY,
            Form::Infinite { negative: false } => f64::INFINITY,
        }
    }

    /// The digits of a whole number in a radix from 2 to 36 (lower-case), with `-` in front of negative ones.
    pub fn to_radix(&self, radix: u8) -> Option<String> {
        let whole = match &self.form {
            Form::Small(n) => IBig::from(*n),
            Form::NegativeZero => IBig::ZERO,
            Form::Large(b) => b.to_whole()?,
            Form::Infinite { .. } => return None,
        };
        (2..=36).contains(&radix).then(|| whole.in_radix(radix).to_string())
    }

    /// Whether there is nothing behind the decimal point.
    pub fn is_integer(&self) -> bool {
        match &self.form {
            Form::Small(_) | Form::NegativeZero => true,
            Form::Large(b) => b.is_whole(),
            Form::Infinite { .. } => false,
        }
    }

    /// Whether the number is less than zero.
    pub fn is_negative(&self) -> bool {
        self.sign() == Ordering::Less
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.sign() == Ordering::Equal
    }

    /// Whether the number is an infinity, which only a division by zero or a float gives. It has no JSON form.
    pub fn is_infinite(&self) -> bool {
        matches!(self.form, Form::Infinite { .. })
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i64 {
        self.sign() as i64
    }

    fn sign(&self) -> Ordering {
        match &self.form {
            Form::Small(n) => n.cmp(&0),
            Form::NegativeZero => Ordering::Equal,
            Form::Large(b) => {
                if b.negative() {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            Form::Infinite { negative } => {
                if *negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }

    /// Whether the sign shown is `-`: that of a negative number or of `-0`.
    fn sign_bit(&self) -> bool {
        self.is_negative() || matches!(self.form, Form::NegativeZero)
    }

    fn binary(&self) -> Option<Binary> {
        match &self.form {
            Form::Small(n) => Some(Binary::from_i64(*n)),
            Form::NegativeZero => Some(Binary::from_i64(0)),
            Form::Large(b) => Some((**b).clone()),
            Form::Infinite { .. } => None,
        }
    }

    fn zero_or(negative: bool, n: i64, precision: u16) -> Number {
        Number { form: if n == 0 && negative { Form::NegativeZero } else { Form::Small(n) }, precision }
    }

    /// Rounds to the precision and chooses the form. The sign given only matters to zero, or for a magnitude.
    fn from_binary(negative: bool, value: Binary, precision: u16) -> Result<Number, NumberError> {
        let value = value.rounded(usize::from(precision));
        if value.is_zero() {
            return Ok(Number::zero_or(negative, 0, precision));
        }
        if !value.in_range() {
            return Err(NumberError::OutOfRange);
        }
        let value = if negative && !value.negative() { value.neg() } else { value };
        let form = match value.to_i64() {
            Some(n) => Form::Small(n),
            None => Form::Large(Arc::new(value)),
        };
        Ok(Number { form, precision })
    }

    fn small(n: i64, precision: u16) -> Option<Number> {
        (precision >= COUNTED || n.unsigned_abs() <= 1 << FLOAT).then_some(Number { form: Form::Small(n), precision })
    }

    /// The sum.
    pub fn add(&self, other: &Number) -> Result<Number, NumberError> {
        let precision = self.precision.max(other.precision);
        if let (Form::Small(a), Form::Small(b)) = (&self.form, &other.form)
            && let Some(sum) = a.checked_add(*b).and_then(|n| Number::small(n, precision))
        {
            return Ok(sum);
        }
        match (self.binary(), other.binary()) {
            (Some(a), Some(b)) => {
                let negative = self.sign_bit() && other.sign_bit();
                Number::from_binary(negative, a.add(&b, usize::from(precision)), precision)
            }
            (None, Some(_)) => Ok(self.clone()),
            (Some(_), None) => Ok(other.clone()),
            (None, None) if self.sign() == other.sign() => Ok(self.clone()),
            (None, None) => Err(NumberError::Sum),
        }
    }

    /// The difference.
    pub fn sub(&self, other: &Number) -> Result<Number, NumberError> {
        self.add(&other.neg()).map_err(|e| if e == NumberError::Sum { NumberError::Difference } else { e })
    }

    /// The product.
    pub fn mul(&self, other: &Number) -> Result<Number, NumberError> {
        let negative = self.sign_bit() != other.sign_bit();
        let precision = self.precision.max(other.precision);
        match (self.binary(), other.binary()) {
            (Some(a), Some(b)) => {
                // A product may need more bits than its factors have; it gets them as far as there are any.
                let product = a.mul(&b).rounded(usize::from(precision.max(WRITTEN)));
                let needed = u16::try_from(product.bits()).unwrap_or(WRITTEN);
                Number::from_binary(negative, product, precision.max(needed))
            }
            _ if self.is_zero() || other.is_zero() => Err(NumberError::Product),
            _ => Ok(Number { form: Form::Infinite { negative }, precision }),
        }
    }

    /// The quotient; a number divided by zero is infinite.
    pub fn div(&self, other: &Number) -> Result<Number, NumberError> {
        let negative = self.sign_bit() != other.sign_bit();
        let precision = self.precision.max(other.precision);
        match (self.binary(), other.binary()) {
            (Some(a), Some(b)) if !b.is_zero() => {
                Number::from_binary(negative, a.div(&b, usize::from(precision)), precision)
            }
            (Some(a), Some(_)) if a.is_zero() => Err(NumberError::Division),
            (None, None) => Err(NumberError::Division),
            (Some(_), None) => Ok(Number::zero_or(negative, 0, precision)),
            _ => Ok(Number { form: Form::Infinite { negative }, precision }),
        }
    }

    /// What is left of `self` after subtracting `other` a whole number of times, towards zero. The number itself where
    /// `other` is zero.
    pub fn rem(&self, other: &Number) -> Result<Number, NumberError> {
        if self.is_infinite() {
            return self.mul(other);
        }
        if other.is_zero() || other.is_infinite() {
            return Ok(self.clone());
        }
        // Through the rounded quotient, so that 0.3 % 0.1 is 0 as it is in Terraform.
        self.sub(&other.mul(&self.div(other)?.trunc())?)
    }

    /// The number with the other sign.
    #[must_use]
    pub fn neg(&self) -> Number {
        let precision = self.precision;
        match &self.form {
            Form::Small(0) => Number { form: Form::NegativeZero, precision },
            Form::NegativeZero => Number { form: Form::Small(0), precision },
            Form::Small(n) if *n != i64::MIN => Number { form: Form::Small(-n), precision },
            Form::Small(n) => Number { form: Form::Large(Arc::new(Binary::from_i64(*n).neg())), precision },
            Form::Large(b) => match b.neg() {
                b if b.to_i64() == Some(i64::MIN) => Number { form: Form::Small(i64::MIN), precision },
                b => Number { form: Form::Large(Arc::new(b)), precision },
            },
            Form::Infinite { negative } => Number { form: Form::Infinite { negative: !negative }, precision },
        }
    }

    /// The number without its sign.
    #[must_use]
    pub fn abs(&self) -> Number {
        if self.sign_bit() { self.neg() } else { self.clone() }
    }

    /// The greatest whole number that is not greater.
    #[must_use]
    pub fn floor(&self) -> Number {
        let whole = self.trunc();
        if self.is_negative() && whole != *self { whole.plus(-1) } else { whole }
    }

    /// The least whole number that is not less.
    #[must_use]
    pub fn ceil(&self) -> Number {
        let whole = self.trunc();
        if !self.is_negative() && whole != *self { whole.plus(1) } else { whole }
    }

    /// The number without what is behind the decimal point.
    #[must_use]
    pub fn trunc(&self) -> Number {
        match &self.form {
            Form::Large(b) if !b.is_whole() => {
                Number::from_binary(false, b.trunc(), self.precision).unwrap_or(Number::ZERO)
            }
            Form::NegativeZero => Number { form: Form::Small(0), precision: self.precision },
            _ => self.clone(),
        }
    }

    fn plus(&self, n: i64) -> Number {
        // One more or less than a whole number in range is in range.
        self.add(&Number::from(n)).unwrap_or_else(|_| self.clone())
    }

    /// The power, computed with 64-bit floats as Terraform does.
    pub fn pow(&self, power: &Number) -> Result<Number, NumberError> {
        Number::from_f64(through_float::pow(self.to_f64(), power.to_f64()))
    }

    /// The logarithm, computed with 64-bit floats as Terraform does.
    pub fn log(&self, base: &Number) -> Result<Number, NumberError> {
        Number::from_f64(through_float::ln(self.to_f64()) / through_float::ln(base.to_f64()))
    }

    /// The text with `digits` significant digits, in exponent notation where the exponent is less than -4 or not less
    /// than the number of digits (what C calls `%.*g`).
    pub fn to_general(&self, digits: usize) -> String {
        match &self.form {
            Form::Infinite { .. } => self.to_string(),
            _ => decimal::general(self.sign_bit(), &self.binary().unwrap_or(Binary::from_i64(0)), digits),
        }
    }

    /// The text with exactly `decimals` digits behind the point (what C calls `%.*f`).
    pub fn to_fixed(&self, decimals: usize) -> String {
        match &self.form {
            Form::Infinite { .. } => self.to_string(),
            _ => decimal::fixed(self.sign_bit(), &self.binary().unwrap_or(Binary::from_i64(0)), decimals),
        }
    }

    /// The text in exponent notation with exactly `decimals` digits behind the point (what C calls `%.*e`).
    pub fn to_exponent(&self, decimals: usize) -> String {
        match &self.form {
            Form::Infinite { .. } => self.to_string(),
            _ => decimal::exponent(self.sign_bit(), &self.binary().unwrap_or(Binary::from_i64(0)), decimals),
        }
    }
}

impl fmt::Display for Number {
    /// The shortest decimal that reads back as the same number of the same precision, without exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Small(n) if self.precision >= COUNTED || n.unsigned_abs() <= 1 << FLOAT => write!(f, "{n}"),
            Form::Small(n) => f.write_str(&decimal::shortest(&Binary::from_i64(*n), usize::from(self.precision))),
            Form::NegativeZero => f.write_str("-0"),
            Form::Large(b) => f.write_str(&decimal::shortest(b, usize::from(self.precision))),
            Form::Infinite { negative } => f.write_str(if *negative { "-Inf" } else { "+Inf" }),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        match (&self.form, &other.form) {
            (Form::Large(a), Form::Large(b)) => a == b,
            (Form::Infinite { negative: a }, Form::Infinite { negative: b }) => a == b,
            _ => self.to_i64().is_some() && self.to_i64() == other.to_i64(),
        }
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.form {
            Form::Small(n) => n.hash(state),
            Form::NegativeZero => 0i64.hash(state),
            Form::Large(b) => b.hash(state),
            Form::Infinite { negative } => negative.hash(state),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        if let (Some(a), Some(b)) = (self.to_i64(), other.to_i64()) {
            return a.cmp(&b);
        }
        match (self.binary(), other.binary()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (None, None) => self.sign().cmp(&other.sign()),
            (None, Some(_)) => self.sign(),
            (Some(_), None) => other.sign().reverse(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<i64> for Number {
    fn from(n: i64) -> Number {
        Number { form: Form::Small(n), precision: COUNTED }
    }
}

impl From<i32> for Number {
    fn from(n: i32) -> Number {
        Number::from(i64::from(n))
    }
}

impl From<u32> for Number {
    fn from(n: u32) -> Number {
        Number::from(i64::from(n))
    }
}

impl From<u64> for Number {
    fn from(n: u64) -> Number {
        let form = match i64::try_from(n) {
            Ok(n) => Form::Small(n),
            Err(_) => Form::Large(Arc::new(Binary::new(n.into(), 0))),
        };
        Number { form, precision: COUNTED }
    }
}

impl From<usize> for Number {
    fn from(n: usize) -> Number {
        Number::from(n as u64)
    }
}

impl std::str::FromStr for Number {
    type Err = NumberError;
    fn from_str(text: &str) -> Result<Number, NumberError> {
        Number::parse(text)
    }
}
