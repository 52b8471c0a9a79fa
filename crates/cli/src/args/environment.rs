//! Arguments from the environment: `TF_CLI_ARGS` for every command, `TF_CLI_ARGS_plan` for one. They stand right behind
//! the command, so that what is given by hand comes later and counts more.

use std::ffi::OsString;

use infra_diag::Diagnostic;

use super::{normalise, takes_value};

/// What Terraform does not know takes nothing from what was set for Terraform.
const OWN: &[&str] =
    &["approve", "revert", "releases", "release", "history", "local", "local-supervisor", "local-task", "completion"];

/// The commands that have others in them.
const GROUPS: &[&str] = &["state", "workspace", "release", "history", "local"];

/// The arguments with those of the environment.
///
/// # Errors
/// When a variable cannot be split into arguments.
pub(crate) fn with_environment(
    given: Vec<OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<OsString>, Diagnostic> {
    let Some((end, command)) = command_of(&given) else { return Ok(given) };
    let mut names = vec![format!("TF_CLI_ARGS_{}", command.replace(['-', ' '], "_"))];
    if !OWN.contains(&command.split(' ').next().unwrap_or_default()) {
        names.insert(0, "TF_CLI_ARGS".to_string());
    }
    let mut words = Vec::new();
    for name in names {
        let Some(value) = variable(&name).filter(|value| !value.is_empty()) else { continue };
        let split = value.to_str().ok_or("it is not text in UTF-8").and_then(split);
        let split = split.map_err(|why| {
            let detail = format!("{name} in the environment holds no arguments: {why}. Correct it or take it away.");
            Diagnostic::error("Error parsing extra CLI args", detail)
        })?;
        words.extend(split.into_iter().map(OsString::from));
    }
    let mut all = given;
    all.splice(end..end, normalise(words.into_iter()).into_iter().skip(1));
    Ok(all)
}

/// Where the command ends among the arguments, and its name: `state mv`.
fn command_of(given: &[OsString]) -> Option<(usize, String)> {
    let mut name: Vec<String> = Vec::new();
    let mut words = given.iter().enumerate().skip(1);
    while let Some((at, word)) = words.next() {
        let word = word.to_str()?;
        if word.starts_with('-') {
            if takes_value(word) {
                words.next();
            }
            continue;
        }
        name.push(word.to_string());
        if name.len() == 2 || !GROUPS.contains(&word) {
            return Some((at + 1, name.join(" ")));
        }
    }
    None
}

/// The words of a text, as a shell would split it: by spaces, but for quotes and backslashes.
fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => match chars.next() {
                Some(literal) => word.get_or_insert_default().push(literal),
                None => return Err("it ends with a backslash"),
            },
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote in it is not closed");
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(words: &[&str], variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let given = normalise(words.iter().map(OsString::from));
        let of = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let all = with_environment(given, of).map_err(|problem| problem.detail)?;
        Ok(all.into_iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn they_stand_behind_the_command() {
        let variables = [
            ("TF_CLI_ARGS", "-no-color"),
            ("TF_CLI_ARGS_plan", "-var 'x=a b' -out=\"p q\""),
            ("TF_CLI_ARGS_state_list", "-id=1"),
            ("TF_CLI_ARGS_force_unlock", "-force"),
            ("TF_CLI_ARGS_state", "-bogus"),
        ];
        for (words, all) in [
            (
                &["-chdir=d", "plan", "-var=y=1"][..],
                &["--chdir=d", "plan", "--no-color", "--var", "x=a b", "--out=p q", "--var=y=1"][..],
            ),
            (&["state", "list", "a.b"], &["state", "list", "--no-color", "--id=1", "a.b"]),
            (&["force-unlock", "7"], &["force-unlock", "--no-color", "--force", "7"]),
            (&["apply"], &["apply", "--no-color"]),
            (&["approve", "p"], &["approve", "p"]),
            (&["local-supervisor", "d"], &["local-supervisor", "d"]),
            (&["-help"], &["--help"]),
            (&["state"], &["state"]),
        ] {
            assert_eq!(with(words, &variables), Ok(all.iter().map(ToString::to_string).collect()), "{words:?}");
        }
    }

    #[test]
    fn what_cannot_be_split_is_an_error() {
        for (value, why) in [("-var 'x", "a quote in it is not closed"), ("x\\", "it ends with a backslash")] {
            let refused = with(&["plan"], &[("TF_CLI_ARGS_plan", value)]);
            assert!(refused.as_ref().is_err_and(|told| told.contains(why)), "{refused:?}");
        }
        assert_eq!(split(r#"a\ b "c\"d" '' e'f'"#), Ok(["a b", "c\"d", "", "ef"].map(String::from).to_vec()));
    }
}
