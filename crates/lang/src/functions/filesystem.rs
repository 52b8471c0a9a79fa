//! Files and their paths; templates in files.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_value::{Kind, Marks, Members, Type, Value};

use super::quote::quote;
use super::{Function, FunctionContext, FunctionError, Param, gives_any, gives_bool, gives_string, glob, text};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "abspath",
        params: &[Param::string("path")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, cx| {
            let joined = absolute_base(cx).map(|base| base.join(text(&args[0])));
            let joined = joined.map_err(|e| FunctionError::call(reason(&e)))?;
            Ok(Value::string(clean(&joined.to_string_lossy())))
        },
    },
    Function {
        name: "basename",
        params: &[Param::string("path")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| Ok(Value::string(base_name(text(&args[0])))),
    },
    Function {
        name: "dirname",
        params: &[Param::string("path")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let path = text(&args[0]);
            let end = path.rfind('/').map_or(0, |at| at + 1);
            Ok(Value::string(clean(&path[..end])))
        },
    },
    Function {
        name: "file",
        params: &[Param::string("path").with_marks()],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, cx| {
            let content = utf8(read(&args[0], cx)?, &args[0])?;
            Ok(Value::string(content).with_marks(args[0].marks()))
        },
    },
    Function {
        name: "filebase64",
        params: &[Param::string("path").with_marks()],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, cx| {
            let content = read(&args[0], cx)?;
            Ok(Value::string(STANDARD.encode(content)).with_marks(args[0].marks()))
        },
    },
    Function {
        name: "fileexists",
        params: &[Param::string("path").with_marks()],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, cx| Ok(Value::bool(file_exists(&args[0], cx)?).with_marks(args[0].marks())),
    },
    Function {
        name: "fileset",
        params: &[Param::string("path").with_marks(), Param::string("pattern").with_marks()],
        variadic: None,
        not_null: true,
        returns: |_| Ok(Type::set(Type::String)),
        body: |args, _, cx| {
            let marks = args[0].marks() | args[1].marks();
            let found = file_set(text(&args[0]), text(&args[1]), marks, cx)?;
            Ok(Value::set(Type::String, found.iter().map(Value::string)).with_marks(marks))
        },
    },
    Function {
        name: "pathexpand",
        params: &[Param::string("path")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, cx| expand_home(text(&args[0]), cx).map(Value::string).map_err(FunctionError::call),
    },
    Function {
        name: "templatefile",
        params: &[Param::string("path").with_marks(), Param::any("vars").with_marks()],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, cx| {
            if cx.inside_template {
                return Err(nested_template("templatefile"));
            }
            let source = utf8(read(&args[0], cx)?, &args[0])?;
            // What is wrong with the text is not wrong with the argument, which is only its path.
            render(&source, text(&args[0]), &args[1], args[0].marks(), cx).map_err(|e| match e.argument {
                Some(0) => FunctionError::call(e.message),
                _ => e,
            })
        },
    },
    Function {
        name: "templatestring",
        params: &[Param::any("template").with_marks(), Param::any("vars").with_marks()],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, cx| {
            if cx.inside_template {
                return Err(nested_template("templatestring"));
            }
            let Some(source) = args[0].as_str() else {
                return Err(FunctionError::argument(0, "invalid template value: a string is required"));
            };
            render(source, "<templatestring argument>", &args[1], args[0].marks(), cx).map_err(|e| match e.argument {
                Some(0) => FunctionError::argument(0, format!("invalid template: {}", e.message)),
                _ => e,
            })
        },
    },
];

fn nested_template(name: &str) -> FunctionError {
    FunctionError::call(format!("cannot recursively call {name} from inside another template function"))
}

fn render(
    source: &str,
    name: &str,
    vars: &Value,
    marks: Marks,
    cx: &FunctionContext<'_>,
) -> Result<Value, FunctionError> {
    let fault = |message: String| Err(FunctionError::argument(1, message));
    if !matches!(vars.kind(), Kind::Map(..) | Kind::Object(_)) {
        return fault("invalid vars value: must be a map".to_owned());
    }
    let nothing = Members::new();
    let members = vars.members().unwrap_or(&nothing);
    if let Some(invalid) = members.keys().find(|name| !is_variable_name(name)) {
        return fault(format!(
            "invalid template variable name {}: must start with a letter, followed by zero or more letters, digits, \
             and underscores",
            quote(invalid)
        ));
    }
    let rendered = (cx.render_template)(source, name, members)?;
    Ok(rendered.with_marks(marks | vars.marks()))
}

fn is_variable_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// The path without `.`, `..` and repeated separators, where that is possible; `.` for nothing.
fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

fn base_name(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

fn absolute_base(cx: &FunctionContext<'_>) -> io::Result<PathBuf> {
    std::path::absolute(if cx.base_dir.as_os_str().is_empty() { Path::new(".") } else { &cx.base_dir })
}

fn expand_home(path: &str, cx: &FunctionContext<'_>) -> Result<String, String> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.to_owned()) };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err("cannot expand user-specific home dir".to_owned());
    }
    let home = cx.home_dir.as_ref().ok_or("the home folder of the user is not known")?;
    Ok(clean(&format!("{}/{rest}", home.to_string_lossy())))
}

/// What the operating system says is wrong, in the words that Terraform has for it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}

/// The path as messages show it, and where the file is.
fn locate(path: &str, cx: &FunctionContext<'_>) -> Result<(String, PathBuf), FunctionError> {
    let expanded = expand_home(path, cx).map_err(|e| FunctionError::call(format!("failed to expand ~: {e}")))?;
    let shown = clean(&expanded);
    let place = cx.base_dir.join(&shown);
    Ok((shown, place))
}

/// A path in a message, unless it must not be shown.
fn shown(path: &str, marks: Marks) -> String {
    if marks.contains(Marks::SENSITIVE) {
        "(sensitive value)".to_owned()
    } else if marks.contains(Marks::EPHEMERAL) {
        "(ephemeral value)".to_owned()
    } else {
        quote(path)
    }
}

fn read(path: &Value, cx: &FunctionContext<'_>) -> Result<Vec<u8>, FunctionError> {
    let (cleaned, place) = locate(text(path), cx)?;
    std::fs::read(place).map_err(|e| {
        let message = if e.kind() == io::ErrorKind::NotFound {
            format!(
                "no file exists at {}; this function works only with files that are distributed as part of the \
                 configuration source code, so if this file will be created by a resource in this configuration you \
                 must instead obtain this result from an attribute of that resource",
                shown(text(path), path.marks())
            )
        } else if path.is_sensitive() {
            format!("failed to read file: {}", reason(&e))
        } else {
            format!("failed to read file: read {cleaned}: {}", reason(&e))
        };
        FunctionError::argument(0, message)
    })
}

/// The content of a file that is to be hashed.
pub(super) fn read_for_hash(path: &str, cx: &FunctionContext<'_>) -> Result<Vec<u8>, FunctionError> {
    let (shown, place) = locate(path, cx)?;
    std::fs::read(place).map_err(|e| {
        let action = if e.kind() == io::ErrorKind::IsADirectory { "read" } else { "open" };
        FunctionError::call(format!("{action} {shown}: {}", reason(&e)))
    })
}

fn utf8(content: Vec<u8>, path: &Value) -> Result<String, FunctionError> {
    String::from_utf8(content).map_err(|_| {
        FunctionError::call(format!(
            "contents of {} are not valid UTF-8; use the filebase64 function to obtain the Base64 encoded contents or \
             the other file functions (e.g. filemd5, filesha256) to obtain file hashing results instead",
            shown(text(path), path.marks())
        ))
    })
}

fn file_exists(path: &Value, cx: &FunctionContext<'_>) -> Result<bool, FunctionError> {
    let (cleaned, place) = locate(text(path), cx)?;
    let shown = shown(&cleaned, path.marks());
    match std::fs::metadata(place) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(metadata) if metadata.is_dir() => Err(FunctionError::call(format!("{shown} is a directory, not a file"))),
        Ok(_) => Err(FunctionError::call(format!("{shown} exists, but is not a regular file"))),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(e) => Err(FunctionError::argument(0, format!("failed to stat {shown}: {}", reason(&e)))),
    }
}

fn file_set(
    path: &str,
    pattern: &str,
    marks: Marks,
    cx: &FunctionContext<'_>,
) -> Result<BTreeSet<String>, FunctionError> {
    let folder = clean(path);
    let full = if path.is_empty() { clean(pattern) } else { clean(&format!("{path}/{pattern}")) };
    let found = glob::find(&cx.base_dir, &full)
        .map_err(|e| FunctionError::call(format!("failed to glob pattern {}: {e}", shown(&full, marks))))?;
    let regular = found.iter().filter(|path| cx.base_dir.join(path).is_file());
    Ok(regular.map(|path| relative(&folder, path)).collect())
}

/// A cleaned path as seen from a cleaned folder; both start at the same place.
fn relative(folder: &str, path: &str) -> String {
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect()
    };
    let (folder, path) = (parts(folder), parts(path));
    let same = folder.iter().zip(&path).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), folder.len() - same);
    up.chain(path[same..].iter().cloned()).collect::<Vec<_>>().join("/")
}
