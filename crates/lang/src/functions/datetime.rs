//! Points in time: RFC 3339 texts, their sums, comparisons and formats.

use std::time::{SystemTime, UNIX_EPOCH};

use infra_value::{Type, Value};

use super::quote::quote;
use super::{Function, FunctionError, Param, Phase, gives_number, gives_string, text};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "formatdate",
        params: &[Param::string("format"), Param::string("time")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let time = Timestamp::parse(text(&args[1])).map_err(|e| FunctionError::argument(1, e))?;
            let formatted = format_date(text(&args[0]), &time).map_err(|e| FunctionError::argument(0, e))?;
            Ok(Value::string(formatted))
        },
    },
    Function {
        name: "plantimestamp",
        params: &[],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |_, _, cx| Ok(cx.plan_timestamp.map_or_else(|| Value::unknown(Type::String), utc_text)),
    },
    Function {
        name: "timeadd",
        params: &[Param::string("timestamp"), Param::string("duration")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let time = Timestamp::parse(text(&args[0])).map_err(FunctionError::call)?;
            let duration = parse_duration(text(&args[1])).map_err(FunctionError::call)?;
            Ok(Value::string(time.plus(duration).to_text()))
        },
    },
    Function {
        name: "timecmp",
        params: &[Param::string("timestamp_a"), Param::string("timestamp_b")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| {
            let a = Timestamp::parse(text(&args[0])).map_err(|e| FunctionError::argument(0, e))?;
            let b = Timestamp::parse(text(&args[1])).map_err(|e| FunctionError::argument(1, e))?;
            Ok(Value::number((a.seconds, a.nanos).cmp(&(b.seconds, b.nanos)) as i64))
        },
    },
    Function {
        name: "timestamp",
        params: &[],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |_, ty, cx| match cx.phase {
            Phase::Plan => Ok(Value::unknown(ty.clone())),
            Phase::Apply => Ok(utc_text((cx.now)())),
        },
    },
];

fn utc_text(time: SystemTime) -> Value {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Value::string(Timestamp { seconds, nanos: 0, offset: 0, is_utc: true }.to_text())
}

const DAY: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;

/// A point in time, and the offset from UTC that it is shown in.
#[derive(Clone, Debug)]
struct Timestamp {
    /// Since 1970-01-01T00:00:00Z.
    seconds: i64,
    nanos: i64,
    /// Seconds east of UTC.
    offset: i64,
    /// Whether it was written with `Z`, or as good as.
    is_utc: bool,
}

/// A date and time of day, as a clock in the timestamp's offset shows it.
struct Clock {
    year: i64,
    month: usize,
    day: i64,
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
}

/// Days since 1970-01-01, in the Gregorian calendar. Years are counted from March, so that a leap day comes last.
fn days_from_date(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Timestamp {
    fn parse(text: &str) -> Result<Timestamp, String> {
        parse_rfc3339(text).map_err(|e| format!("not a valid RFC3339 timestamp: {e}"))
    }

    fn plus(&self, duration_nanos: i64) -> Timestamp {
        let nanos = self.nanos + duration_nanos.rem_euclid(NANOS);
        let seconds = self.seconds + duration_nanos.div_euclid(NANOS) + nanos.div_euclid(NANOS);
        Timestamp { seconds, nanos: nanos.rem_euclid(NANOS), ..self.clone() }
    }

    fn clock(&self) -> Clock {
        let local = self.seconds + self.offset;
        let (days, time) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date_from_days(days);
        Clock {
            year,
            month: usize::try_from(month - 1).unwrap_or(0),
            day,
            // The first day of 1970 was a Thursday.
            weekday: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
        }
    }

    fn to_text(&self) -> String {
        let c = self.clock();
        let (year, month) = (c.year, c.month + 1);
        format!(
            "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}{}",
            c.day,
            c.hour,
            c.minute,
            c.second,
            self.zone("Z", ":")
        )
    }

    /// The offset as `+hh:mm` with the separator given, or the name for UTC.
    fn zone(&self, utc: &str, separator: &str) -> String {
        if self.is_utc && !utc.is_empty() {
            return utc.to_owned();
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.abs() / 60;
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }
}

/// Reads one part after the other, to say which one is wrong.
struct Segments<'a> {
    rest: &'a str,
}

impl<'a> Segments<'a> {
    /// The next run of digits, or one other character.
    fn next_segment(&self) -> &'a str {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let length = if digits > 0 { digits } else { self.rest.chars().next().map_or(0, char::len_utf8) };
        &self.rest[..length]
    }

    fn number(&mut self, name: &str, digits: usize, word: &str, range: (i64, i64)) -> Result<i64, String> {
        if self.rest.is_empty() {
            return Err(format!("end of string before {name}"));
        }
        let segment = self.next_segment();
        let unusable = |what: &str| Err(format!("cannot use {} as {name}", quote(what)));
        if !segment.bytes().all(|b| b.is_ascii_digit()) {
            return unusable(self.rest);
        }
        if segment.len() != digits {
            let fault = format!("{name} must have exactly {word} digits");
            return if name == "year" { unusable(self.rest) } else { Err(fault) };
        }
        self.rest = &self.rest[digits..];
        let value: i64 = segment.parse().unwrap_or(-1);
        if value < range.0 || value > range.1 {
            let fault = format!("{name} must be between {} and {} inclusive", range.0, range.1);
            return if name == "hour" { Err(fault) } else { unusable(self.rest) };
        }
        Ok(value)
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None if self.rest.is_empty() => Err(format!("end of string where \"{mark}\" is expected")),
            None => Err(format!("found {} where \"{mark}\" is expected", quote(self.next_segment()))),
        }
    }
}

fn parse_rfc3339(source: &str) -> Result<Timestamp, String> {
    let mut s = Segments { rest: source };
    let year = s.number("year", 4, "four", (0, 9999))?;
    s.mark('-')?;
    let month = s.number("month", 2, "two", (1, 12))?;
    s.mark('-')?;
    let day = s.number("day", 2, "two", (1, 31))?;
    s.rest = s.rest.strip_prefix('T').ok_or("missing required time introducer 'T'")?;
    let hour = s.number("hour", 2, "two", (0, 23))?;
    s.mark(':')?;
    let minute = s.number("minute", 2, "two", (0, 59))?;
    s.mark(':')?;
    let second = s.number("second", 2, "two", (0, 59))?;
    let mut nanos = 0;
    if let Some(rest) = s.rest.strip_prefix('.') {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(format!("cannot use {} as UTC offset", quote(s.rest)));
        }
        nanos = format!("{:0<9}", &rest[..digits])[..9].parse().unwrap_or(0);
        s.rest = &rest[digits..];
    }
    let (offset, is_utc) = parse_offset(&mut s)?;
    if day > days_in_month(year, month) {
        return Err("day out of range".to_owned());
    }
    let seconds = days_from_date(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    Ok(Timestamp { seconds, nanos, offset, is_utc })
}

fn parse_offset(s: &mut Segments<'_>) -> Result<(i64, bool), String> {
    let rest = s.rest;
    if rest.is_empty() {
        return Err("end of string before UTC offset".to_owned());
    }
    let stray = |rest: &str| {
        let shown: String = rest.chars().take(1).collect();
        format!("cannot use {} as timestamp segment", quote(&shown))
    };
    if let Some(after) = rest.strip_prefix('Z') {
        return if after.is_empty() { Ok((0, true)) } else { Err(stray(after)) };
    }
    if !rest.starts_with(['+', '-']) {
        return Err(stray(rest));
    }
    let b = rest.as_bytes();
    let two = |from: usize| -> Option<i64> {
        let digits = rest.get(from..from + 2)?;
        if digits.bytes().all(|d| d.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let parts = if b.len() == 6 && b[3] == b':' { two(1).zip(two(4)) } else { None };
    match parts {
        Some((hours @ 0..=23, minutes @ 0..=59)) => {
            let offset = hours * 3600 + minutes * 60;
            Ok((if b[0] == b'-' { -offset } else { offset }, offset == 0))
        }
        _ => Err(format!("cannot use {} as UTC offset", quote(rest))),
    }
}

/// A duration such as `1h30m` or `-1.5s`, in nanoseconds.
fn parse_duration(source: &str) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(source));
    let (negative, mut rest) = match source.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, source.strip_prefix('+').unwrap_or(source)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits_end = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
        let whole_end = digits_end(rest);
        let (whole, after) = rest.split_at(whole_end);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(digits_end(after)),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let unit_end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let scale: i128 = match unit {
            "" => return Err(format!("time: missing unit in duration {}", quote(source))),
            "ns" => 1,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(source))),
        };
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
        let fraction = &fraction[..fraction.len().min(18)];
        let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| invalid())? };
        let tens = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
        total = whole
            .checked_mul(scale)
            .and_then(|nanos| total.checked_add(nanos + parts * scale / tens))
            .filter(|total| *total <= i128::from(i64::MAX) + i128::from(negative))
            .ok_or_else(invalid)?;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).map_err(|_| invalid())
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

fn format_date(format: &str, time: &Timestamp) -> Result<String, String> {
    let clock = time.clock();
    let mut out = String::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        if c == '\'' {
            rest = quoted(rest, &mut out)?;
        } else if c.is_ascii_alphabetic() {
            let end = rest.find(|other| other != c).unwrap_or(rest.len());
            let (verb, after) = rest.split_at(end);
            let shown = format_verb(verb, &clock, time);
            out.push_str(&shown.map_err(|e| format!("invalid date format verb {}{e}", quote(verb)))?);
            rest = after;
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(out)
}

/// Writes a literal in single quotes, in which two of them mean one. What follows it.
fn quoted<'a>(source: &'a str, out: &mut String) -> Result<&'a str, String> {
    let mut rest = &source[1..];
    if let Some(after) = rest.strip_prefix('\'') {
        out.push('\'');
        return Ok(after);
    }
    while let Some(end) = rest.find('\'') {
        out.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(after) => {
                out.push('\'');
                rest = after;
            }
            None => return Ok(rest),
        }
    }
    Err("unterminated literal '".to_owned())
}

fn format_verb(verb: &str, clock: &Clock, time: &Timestamp) -> Result<String, &'static str> {
    let hour12 = if clock.hour % 12 == 0 { 12 } else { clock.hour % 12 };
    let (month_name, weekday_name) = (MONTHS[clock.month], WEEKDAYS[clock.weekday]);
    let half = if clock.hour < 12 { "am" } else { "pm" };
    Ok(match verb {
        "YY" => format!("{:02}", clock.year % 100),
        "YYYY" => format!("{:04}", clock.year),
        "M" => (clock.month + 1).to_string(),
        "MM" => format!("{:02}", clock.month + 1),
        "MMM" => month_name[..3].to_owned(),
        "MMMM" => month_name.to_owned(),
        "D" => clock.day.to_string(),
        "DD" => format!("{:02}", clock.day),
        "EEE" => weekday_name[..3].to_owned(),
        "EEEE" => weekday_name.to_owned(),
        "h" => clock.hour.to_string(),
        "hh" => format!("{:02}", clock.hour),
        "H" => hour12.to_string(),
        "HH" => format!("{hour12:02}"),
        "AA" => half.to_uppercase(),
        "aa" => half.to_owned(),
        "m" => clock.minute.to_string(),
        "mm" => format!("{:02}", clock.minute),
        "s" => clock.second.to_string(),
        "ss" => format!("{:02}", clock.second),
        "Z" => time.zone("Z", ":"),
        "ZZZ" => time.zone("UTC", ""),
        "ZZZZ" => time.zone("", ""),
        "ZZZZZ" => time.zone("", ":"),
        _ => {
            return Err(match verb.as_bytes()[0] {
                b'Y' => ": year must either be \"YY\" or \"YYYY\"",
                b'M' => ": month must be \"M\", \"MM\", \"MMM\", or \"MMMM\"",
                b'D' => ": day of month must either be \"D\" or \"DD\"",
                b'E' => ": day of week must either be \"EEE\" or \"EEEE\"",
                b'h' => ": 24-hour must either be \"h\" or \"hh\"",
                b'H' => ": 12-hour must either be \"H\" or \"HH\"",
                b'A' => ": must be \"AA\"",
                b'a' => ": must be \"aa\"",
                b'm' => ": minute must either be \"m\" or \"mm\"",
                b's' => ": second must either be \"s\" or \"ss\"",
                b'Z' => ": timezone must be Z, ZZZZ, or ZZZZZ",
                _ => "",
            });
        }
    })
}
