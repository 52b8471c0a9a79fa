//! The environment of the AWS SDK: a variable that is set to nothing counts as one that is not set.

use std::ffi::OsString;
use std::process::Command;

/// The AWS variables that are set to nothing. The SDK would take a region, a profile or an address of that name.
fn empty(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<OsString> {
    let of_aws = |name: &OsString| name.to_str().is_some_and(|name| name.starts_with("AWS_"));
    variables.filter(|(name, value)| value.is_empty() && of_aws(name)).map(|(name, _)| name).collect()
}

/// Starts the program anew without them, if there are any: a process cannot safely change its own environment.
pub(crate) fn without_empty() {
    let names = empty(std::env::vars_os());
    if names.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    command.args(std::env::args_os().skip(1));
    names.iter().for_each(|name| {
        command.env_remove(name);
    });
    become_it(command);
}

/// Comes back only if the program cannot be started.
#[cfg(unix)]
fn become_it(mut command: Command) {
    use std::os::unix::process::CommandExt;
    if let Some(name) = std::env::args_os().next() {
        command.arg0(name);
    }
    let _ = command.exec();
}

#[cfg(not(unix))]
fn become_it(mut command: Command) {
    if let Ok(status) = command.status() {
        std::process::exit(status.code().unwrap_or(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_empty_variables_of_aws_are_meant() {
        let variables = [("AWS_REGION", ""), ("AWS_PROFILE", "dev"), ("TF_VAR_name", ""), ("AWS_DEFAULT_REGION", "")];
        let found = empty(variables.iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(found, ["AWS_REGION", "AWS_DEFAULT_REGION"]);
    }
}
