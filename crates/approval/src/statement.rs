//! What is signed: a few lines about one plan, the same for whoever reads them.

/// What is said of a plan. All of it follows from the plan, so that a statement that says something else is found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The plan's digest.
    pub digest: String,
    /// The workspace.
    pub workspace: String,
    /// Where the state is kept.
    pub state: String,
    /// What it would do, in one line.
    pub changes: String,
}

/// What an approver says and signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is about.
    pub about: About,
    /// What the approver says to be called.
    pub approver: String,
    /// When it was signed, as the approver's clock said: RFC 3339.
    pub signed_at: String,
}

const FIRST: &str = "I approve this plan of infra.";

impl Statement {
    /// The lines.
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST}\n");
        for (name, value) in self.members() {
            // A line break in a path must not begin a line of its own.
            let value: String = value.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            text.push_str(&format!("{name}: {value}\n"));
        }
        text
    }

    fn members(&self) -> [(&'static str, &str); 6] {
        let About { digest, workspace, state, changes } = &self.about;
        [
            ("plan", digest),
            ("workspace", workspace),
            ("state", state),
            ("changes", changes),
            ("approver", &self.approver),
            ("signed", &self.signed_at),
        ]
    }

    /// Reads the lines; `None` if they are anything but what [`Statement::to_text`] would write.
    pub fn parse(text: &str) -> Option<Statement> {
        let mut lines = text.split('\n');
        if lines.next() != Some(FIRST) {
            return None;
        }
        let mut member = |name: &str| Some(lines.next()?.strip_prefix(name)?.strip_prefix(": ")?.to_string());
        let about = About {
            digest: member("plan")?,
            workspace: member("workspace")?,
            state: member("state")?,
            changes: member("changes")?,
        };
        let statement = Statement { about, approver: member("approver")?, signed_at: member("signed")? };
        (statement.to_text() == text).then_some(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn statement(state: &str) -> Statement {
        let about = About {
            digest: "sha256:0f".into(),
            workspace: "default".into(),
            state: state.into(),
            changes: "1 to add, 0 to change, 0 to destroy".into(),
        };
        Statement { about, approver: "bob@example.com".into(), signed_at: "2026-01-02T03:04:05Z".into() }
    }

    #[test]
    fn a_statement_is_what_people_read() {
        let text = statement("terraform.tfstate").to_text();
        assert_eq!(
            text,
            "I approve this plan of infra.\nplan: sha256:0f\nworkspace: default\nstate: terraform.tfstate\nchanges: 1 to \
             add, 0 to change, 0 to destroy\napprover: bob@example.com\nsigned: 2026-01-02T03:04:05Z\n"
        );
        assert_eq!(Statement::parse(&text), Some(statement("terraform.tfstate")));
    }

    #[test]
    fn a_line_break_in_a_value_begins_no_line() {
        let text = statement("x\nplan: sha256:00").to_text();
        assert_eq!(text.lines().count(), 7);
    }

    proptest! {
        #[test]
        fn only_what_would_be_written_is_read(at in 0usize..200, to: u8) {
            let mut bytes = statement("s3://b/k").to_text().into_bytes();
            let at = at % bytes.len();
            bytes[at] = to;
            if let Some(read) = String::from_utf8(bytes.clone()).ok().and_then(|text| Statement::parse(&text)) {
                prop_assert_eq!(read.to_text().into_bytes(), bytes);
            }
        }
    }
}
