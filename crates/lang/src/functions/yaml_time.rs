//! Dates and times as YAML writes them (<https://yaml.org/type/timestamp.html>), as far as Terraform reads them.

use super::datetime::days_in_month;

/// A date, or a date and a time, in the form of RFC 3339 and without parts of a second; `None` if the text is neither.
pub(super) fn rfc3339(text: &str) -> Option<String> {
    let (year, rest) = text.split_once('-')?;
    if year.len() != 4 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (month, rest) = number(rest)?;
    let (day, rest) = number(rest.strip_prefix('-')?)?;
    let days = days_in_month(year.parse().ok()?, i64::from(month));
    if !(1..=12).contains(&month) || !(1..=days).contains(&i64::from(day)) {
        return None;
    }
    let date = format!("{year}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(format!("{date}T00:00:00Z"));
    }
    let (time, has_offset) = match rest.strip_prefix(['T', 't']) {
        Some(time) => (time, true),
        None => (rest.strip_prefix(' ')?.trim_start_matches(' '), false),
    };
    let (hour, rest) = number(time)?;
    let (minute, rest) = number(rest.strip_prefix(':')?)?;
    let (second, rest) = number(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = without_fraction(rest);
    let offset = if has_offset { offset_text(offset)? } else { offset.is_empty().then(|| "Z".to_owned())? };
    Some(format!("{date}T{hour:02}:{minute:02}:{second:02}{offset}"))
}

/// One digit or two, and what follows.
fn number(text: &str) -> Option<(u8, &str)> {
    let digits = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn without_fraction(text: &str) -> &str {
    match text.strip_prefix(['.', ',']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            rest.trim_start_matches(|c: char| c.is_ascii_digit())
        }
        _ => text,
    }
}

/// `Z`, `+02:00`: the way it is written out, which has no zero but `Z`, and an hour where minutes make one.
fn offset_text(text: &str) -> Option<String> {
    if text == "Z" {
        return Some(text.to_owned());
    }
    let sign = text.chars().next().filter(|c| matches!(c, '+' | '-'))?;
    let (hours, minutes) = text[1..].split_once(':')?;
    let two = |digits: &str| number(digits).filter(|(_, rest)| digits.len() == 2 && rest.is_empty()).map(|(n, _)| n);
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if hours > 24 || minutes > 60 {
        return None;
    }
    let all = u32::from(hours) * 60 + u32::from(minutes);
    Some(if all == 0 { "Z".to_owned() } else { format!("{sign}{:02}:{:02}", all / 60, all % 60) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Terraform 1.11.4 makes of `yamldecode` of each.
    #[test]
    fn dates_and_times_are_read_as_terraform_reads_them() {
        for (text, read) in [
            ("2024-01-01", "2024-01-01T00:00:00Z"),
            ("2024-1-1", "2024-01-01T00:00:00Z"),
            ("0000-01-01", "0000-01-01T00:00:00Z"),
            ("2024-01-01 10:11:12", "2024-01-01T10:11:12Z"),
            ("2024-01-01  10:11:12", "2024-01-01T10:11:12Z"),
            ("2001-12-15 2:59:43.1", "2001-12-15T02:59:43Z"),
            ("2024-01-01t10:11:12+02:00", "2024-01-01T10:11:12+02:00"),
            ("2024-01-01T10:11:12.123456789+02:00", "2024-01-01T10:11:12+02:00"),
            ("2024-01-01T10:11:12,5Z", "2024-01-01T10:11:12Z"),
            ("2024-01-01T10:11:12-00:00", "2024-01-01T10:11:12Z"),
            ("2024-1-1T1:2:3+24:60", "2024-01-01T01:02:03+25:00"),
        ] {
            assert_eq!(rfc3339(text).as_deref(), Some(read), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_a_date_stays_a_text() {
        for text in [
            "2024-13-01",
            "2024-02-30",
            "2024-01-00",
            "2024-001-01",
            "20240-01-01",
            "2024-01-01T10:11",
            "2024-01-01T24:00:00Z",
            "2024-01-01T10:11:60Z",
            "2024-01-01T10:11:12.Z",
            "2024-01-01T10:11:12+0200",
            "2024-01-01T10:11:12z",
            "2024-01-01 10:11:12 Z",
            "2024-1-1T1:2:3+25:00",
            "2024-01-01T10:11:12+é:00",
            "2024-é",
            "-",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
