//! `infra console` where its input is no terminal.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::Folder;

const NAMES: &str = r#"
locals {
  names = ["a", "b"]
}
variable "password" {
  default   = "hunter2"
  sensitive = true
}
"#;

/// What is printed to standard output and standard error for these lines, and the status.
fn answers(folder: &Folder, lines: &str) -> (String, String, Option<i32>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_infra"))
        .arg("console")
        .current_dir(folder.path("."))
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // It may have ended before all is written.
    let _ = stdin.write_all(lines.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn the_last_answer_is_shown() {
    let folder = Folder::with(NAMES);
    let cases = [
        ("1 + 1\n", "2\n"),
        ("1\nlocal.names[1]\n", "\"b\"\n"),
        ("1\n\n", "\n"),
        ("1\nexit\n2\n", ""),
        ("", "\n"),
        ("var.password\n", "(sensitive value)\n"),
        ("type(local.names)\n", "tuple([\n    string,\n    string,\n])\n"),
    ];
    for (lines, shown) in cases {
        assert_eq!(answers(&folder, lines), (shown.to_string(), String::new(), Some(0)), "{lines:?}");
    }
}

#[test]
fn the_first_error_ends_it() {
    let folder = Folder::with(NAMES);
    let (shown, told, status) = answers(&folder, "1\nlocal.name\n2\n");
    assert_eq!((shown.as_str(), status), ("", Some(1)));
    assert!(told.contains("Reference to undeclared local value"), "{told}");
    assert!(told.contains("Did you mean") && told.contains("\"names\"?"), "{told}");
    // What a name stands for may be at fault too.
    folder.write("more.tf", "locals {\n  broken = upper(local.names)\n}\n");
    let (_, told, status) = answers(&folder, "local.broken\n");
    assert_eq!(status, Some(1));
    assert!(told.contains("more.tf line 2"), "{told}");
}
