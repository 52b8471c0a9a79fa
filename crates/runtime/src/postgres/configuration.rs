//! The configuration files of a server, as text.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// What is ours to decide, whatever a parameter group says.
const OURS: [&str; 19] = [
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "ident_file",
    "include",
    "include_dir",
    "include_if_exists",
    "listen_addresses",
    "log_destination",
    "log_directory",
    "logging_collector",
    "password_encryption",
    "port",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_key_file",
    "unix_socket_directories",
];

/// `postgresql.conf`, and the parameters that were left out because the server does not know them. `known` are those
/// that it does; `None` where that cannot be told.
pub(crate) fn postgresql_conf(
    bind: SocketAddr,
    parameters: &BTreeMap<String, String>,
    known: Option<&BTreeSet<String>>,
) -> (String, Vec<String>) {
    let (usable, left_out) = usable(parameters, known);
    let mut text = String::from("# Written at each start. Parameters come from the configuration.\n");
    let address = bind.ip().to_string();
    let port = bind.port().to_string();
    let ours = [
        ("listen_addresses", address.as_str()),
        ("port", &port),
        ("unix_socket_directories", ""),
        ("logging_collector", "off"),
        ("log_destination", "stderr"),
        ("password_encryption", "scram-sha-256"),
        ("ssl", "on"),
        ("ssl_cert_file", "server.crt"),
        ("ssl_key_file", "server.key"),
    ];
    for (name, value) in ours.into_iter().chain(usable.iter().map(|(name, value)| (*name, *value))) {
        text.push_str(&format!("{name} = {}\n", quoted(value)));
    }
    (text, left_out)
}

/// The parameters that a server is given, and the names of the others.
pub(crate) fn usable<'a>(
    parameters: &'a BTreeMap<String, String>,
    known: Option<&BTreeSet<String>>,
) -> (Vec<(&'a str, &'a str)>, Vec<String>) {
    let mut usable = Vec::new();
    let mut left_out = Vec::new();
    for (name, value) in parameters {
        // Formulas (`{DBInstanceClassMemory/9531392}`) are about machines that this is not, and libraries may be missing.
        let fits = is_name(name)
            && !name.starts_with("rds.")
            && !name.starts_with("ssl")
            && !OURS.contains(&name.as_str())
            && name != "shared_preload_libraries"
            && !value.contains(['{', '\n', '\r', '\0'])
            && known.is_none_or(|known| known.contains(name) || name.contains('.'));
        if fits {
            usable.push((name.as_str(), value.as_str()));
        } else {
            left_out.push(name.clone());
        }
    }
    (usable, left_out)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// `pg_hba.conf`: passwords for everybody, from this machine.
pub(crate) const PG_HBA: &str = "\
# Written at each start.
host all all 127.0.0.1/32 scram-sha-256
host all all ::1/128 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
host replication all ::1/128 scram-sha-256
";

/// An SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An SQL string.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_do_not_fit_this_machine_are_left_out() {
        let parameters = [
            ("max_connections", "50"),
            ("log_line_prefix", "it's \\ %t"),
            ("rds.force_ssl", "1"),
            ("shared_buffers", "{DBInstanceClassMemory/32768}"),
            ("pg_stat_statements.track", "all"),
            ("new_in_99", "on"),
            ("port", "1"),
            ("work_mem", "1\nport = 2"),
        ];
        let parameters = parameters.map(|(n, v)| (n.to_string(), v.to_string())).into();
        let known =
            ["max_connections", "log_line_prefix", "shared_buffers", "port", "work_mem"].map(String::from).into();
        let bind = "127.0.0.1:54321".parse().expect("an address");
        let (text, left_out) = postgresql_conf(bind, &parameters, Some(&known));
        assert!(
            text.ends_with(
                "log_line_prefix = 'it''s \\\\ %t'\nmax_connections = '50'\npg_stat_statements.track = 'all'\n"
            ),
            "{text}"
        );
        assert_eq!(left_out, ["new_in_99", "port", "rds.force_ssl", "shared_buffers", "work_mem"]);
    }

    #[test]
    fn sql_is_quoted() {
        assert_eq!(identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r" E'a\\''b'");
    }
}
