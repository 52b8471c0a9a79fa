//! New inputs from old ones: pieces of the language put in, taken out, doubled, nested and swapped.

use fastrand::Rng;

const PIECES: [&str; 96] = [
    "\"",
    "${",
    "%{",
    "}",
    "~}",
    "${~",
    "{",
    "[",
    "]",
    "(",
    ")",
    "<<E\n",
    "<<-E\r\n",
    "E\n",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "a",
    "é",
    "日本",
    "1",
    "1.",
    "1e999999999",
    "-1",
    "0.1",
    "99999999999999999999",
    ".",
    "*",
    "[*]",
    ".*",
    "...",
    ",",
    "=",
    "==",
    "=>",
    ":",
    "::",
    "?",
    "for ",
    "in ",
    "if ",
    "else",
    "%{if true}",
    "%{endif}",
    "%{for x in y}",
    "%{endfor}",
    "#",
    "//",
    "/*",
    "*/",
    "\\",
    "\\u00e9",
    "\\U0010FFFF",
    "$",
    "$$",
    "%",
    "%%",
    "-",
    "!",
    "&&",
    "||",
    "\u{301}",
    "null",
    "true",
    "false",
    "\u{feff}",
    "'",
    "~",
    "\u{0}",
    "local.x",
    "var.a",
    "each.key",
    "count.index",
    "self",
    "module.m.o",
    "terraform_data.a",
    "terraform_data.a[0].id",
    "data.x.y.z",
    "path.module",
    "resource \"terraform_data\" \"z\" {\n",
    "variable \"z\" {\n",
    "locals {\n",
    "output \"z\" {\n",
    "module \"z\" {\n source = \"./m\"\n",
    "dynamic \"b\" {\n",
    "lifecycle {\n",
    "sensitive = true\n",
    "ephemeral = true\n",
    "type = list(object({a=optional(string)}))\n",
    "[for k, v in ",
    "{for k, v in ",
    "jsondecode(\"",
    "try(",
    "sensitive(",
];

/// An input made of one of the seeds, and now and then of two.
pub fn variation(seeds: &[String], rng: &mut Rng) -> Vec<u8> {
    if seeds.is_empty() {
        return (0..rng.usize(8..120)).map(|_| rng.u8(..)).collect();
    }
    let seed = |rng: &mut Rng| seeds[rng.usize(..seeds.len())].as_bytes().to_vec();
    let mut data = seed(rng);
    if data.len() > 20_000 {
        data.truncate(20_000);
    }
    for _ in 0..1 + rng.usize(..6).min(rng.usize(..6)) {
        let other = if rng.u8(..4) == 0 { seed(rng) } else { Vec::new() };
        change(&mut data, &other, rng);
    }
    data
}

fn change(data: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let len = data.len();
    let at = rng.usize(..=len);
    let span = |from: usize, longest: usize, rng: &mut Rng| from..(from + rng.usize(..=longest)).min(len);
    let piece = |rng: &mut Rng| PIECES[rng.usize(..PIECES.len())].as_bytes().to_vec();
    match rng.u8(..14) {
        0 => drop(data.splice(at..at, piece(rng))),
        1 => drop(data.splice(span(at, 6, rng), piece(rng))),
        2 => drop(data.drain(span(at, 20, rng))),
        3 => {
            let copied = data[span(at, 40, rng)].to_vec();
            let to = rng.usize(..=len);
            data.splice(to..to, copied);
        }
        4 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        5 => {
            // The same again and again: what is nested or repeated deeply.
            let (piece, times) = (piece(rng), [3, 30, 150, 1000, 20_000][rng.usize(..5)]);
            if piece.len() * times < 60_000 {
                data.splice(at..at, piece.repeat(times));
            }
        }
        6 => {
            let copied = data[span(at, 30, rng)].to_vec();
            let times = [2, 5, 50, 300][rng.usize(..4)];
            data.splice(at..at, copied.repeat(times));
        }
        7 | 8 if !other.is_empty() => {
            let from = rng.usize(..other.len());
            let to = (from + rng.usize(..80)).min(other.len());
            data.splice(span(at, 10, rng), other[from..to].to_vec());
        }
        9 => {
            // Around something: calls and brackets.
            let (open, close): (&str, &str) = [
                ("(", ")"),
                ("[", "]"),
                ("{a = ", "}"),
                ("\"${", "}\""),
                ("jsonencode(", ")"),
                ("[for x in ", " : x]"),
                ("try(", ", 1)"),
                ("!", ""),
                ("-", ""),
                ("sensitive(", ")"),
                ("toset([", "])"),
                ("length(", ")"),
            ][rng.usize(..12)];
            let range = span(at, 40, rng);
            let inner = [open.as_bytes(), &data[range.clone()], close.as_bytes()].concat();
            data.splice(range, inner);
        }
        10 => {
            // A line somewhere else.
            let start = data[..at].iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
            let end = data[at..].iter().position(|b| *b == b'\n').map_or(len, |p| at + p + 1);
            let line: Vec<u8> = data[start..end].to_vec();
            if rng.bool() {
                data.drain(start..end);
            }
            let to = rng.usize(..=data.len());
            let to = data[..to].iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
            data.splice(to..to, line);
        }
        11 => {
            // One word for another.
            let words: Vec<(usize, usize)> = words(data);
            if words.len() > 1 {
                let (a, b) = (words[rng.usize(..words.len())], words[rng.usize(..words.len())]);
                let word = data[b.0..b.1].to_vec();
                data.splice(a.0..a.1, word);
            }
        }
        12 => {
            let names = ["secret", "hidden", "open", "any", "nothing", "list", "map", "n", "q7", "zz"];
            let name = format!("local.{}", names[rng.usize(..names.len())]);
            let words = words(data);
            match words.get(rng.usize(..=words.len())) {
                Some(&(from, to)) => drop(data.splice(from..to, name.into_bytes())),
                None => drop(data.splice(at..at, name.into_bytes())),
            }
        }
        _ => {
            let digits: Vec<usize> = (0..len).filter(|i| data[*i].is_ascii_digit()).collect();
            if let Some(&i) = digits.get(rng.usize(..digits.len().max(1))) {
                let numbers = ["0", "-1", "1e9", "65536", "4294967296", "9223372036854775808", "1e1000", "0.3", "null"];
                data.splice(i..=i, numbers[rng.usize(..numbers.len())].bytes());
            }
        }
    }
}

fn words(data: &[u8]) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut start = None;
    for (i, byte) in data.iter().enumerate() {
        match (byte.is_ascii_alphanumeric() || *byte == b'_', start) {
            (true, None) => start = Some(i),
            (false, Some(from)) => {
                words.push((from, i));
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| (from, data.len())));
    words
}
