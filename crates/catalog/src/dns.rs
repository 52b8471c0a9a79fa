//! DNS names the way that Route 53's resources plan and store them.

/// The form of a name in plans and states: lower case, without the final dot.
pub fn bare(name: &str) -> String {
    let name = name.to_lowercase();
    name.strip_suffix('.').map_or(name.clone(), str::to_string)
}

/// The form of a zone's name: [`bare`], and with what is no letter, digit, `-`, `_` or `.` as an octal escape.
pub fn zone(name: &str) -> String {
    escape(&bare(name))
}

/// The full name of a record: the zone's name is added unless the name ends in it already.
pub fn full(name: &str, zone: &str) -> String {
    let (name, zone) = (bare(name), bare(zone));
    let ends_in_zone = name.strip_suffix(&zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    match name.as_str() {
        "" => zone,
        _ if ends_in_zone || zone.is_empty() => name,
        _ => format!("{name}.{zone}"),
    }
}

/// A name without escapes, lower case, without the final dot: to compare what the API gives with what is written.
pub fn plain(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'\\').then(|| octal(bytes.get(at + 1..at + 4)?)).flatten();
        plain.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 4 } else { 1 };
    }
    bare(&String::from_utf8_lossy(&plain))
}

fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

fn escape(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut escaped = String::with_capacity(name.len());
    for (i, c) in name.char_indices() {
        let begins_escape = c == '\\' && bytes.get(i + 1..i + 4).and_then(octal).is_some();
        if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') || begins_escape {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("\\{:03o}", u32::from(c)));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_without_the_final_dot() {
        assert_eq!(bare("A.Example."), "a.example");
        assert_eq!(zone("*.Example.com."), "\\052.example.com");
        assert_eq!(zone("\\052.example.com"), "\\052.example.com");
        assert_eq!(zone("é.example.com"), "\\351.example.com");
        assert_eq!(plain("\\052.Example.com."), "*.example.com");
    }

    #[test]
    fn a_record_has_the_name_of_its_zone_at_its_end() {
        for (name, wanted) in [
            ("", "example.com"),
            ("www", "www.example.com"),
            ("www.example.com.", "www.example.com"),
            ("example.com", "example.com"),
            ("notexample.com", "notexample.com.example.com"),
        ] {
            assert_eq!(full(name, "example.com."), wanted, "{name}");
        }
    }
}
