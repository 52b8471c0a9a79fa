//! What needs attention in a plan, as people read it before anything else.

use infra_diag::wrap;
use serde_json::Value as Json;

use super::TextOptions;
use super::pen::{Ink, Pen};

/// The sign before a finding, and what the lines that go on after it are indented by.
const INDENT: usize = 4;
/// Between a finding and where its block stands.
const GAP: usize = 3;

/// The block, or nothing where there is nothing to tell.
pub(super) fn attention(plan: &Json, options: &TextOptions, pen: Pen) -> String {
    let findings = plan["infra"]["attention"].as_array().map_or(&[][..], Vec::as_slice);
    if findings.is_empty() {
        return String::new();
    }
    let told: Vec<(String, String)> = findings.iter().map(told).collect();
    let room = options.width().saturating_sub(INDENT);
    let column = told.iter().map(|(text, _)| length(text)).max().unwrap_or_default() + GAP;
    let in_columns = told.iter().all(|(_, which)| column + length(which) <= room);
    let mut out = format!("\n{}\n", pen.paint(Ink::Bold, "Needs attention"));
    for (text, which) in &told {
        let said = if in_columns { format!("{text:0$}", column - GAP) } else { wrap(text, room) };
        let last = said.lines().last().map_or(0, length);
        let which_painted = pen.paint(Ink::Grey, which);
        let said = match last + GAP + length(which) <= room {
            true => format!("{said}{:GAP$}{which_painted}", ""),
            false => format!("{said}\n{which_painted}"),
        };
        for (i, line) in said.lines().enumerate() {
            let sign = if i == 0 { pen.paint(Ink::Red, "!") } else { " ".to_string() };
            out += &format!("  {sign} {line}\n");
        }
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// What is the matter; and where, by which rule.
fn told(finding: &Json) -> (String, String) {
    let text = |key: &str| finding[key].as_str().unwrap_or_default();
    let which = match (finding["file"].as_str(), finding["line"].as_u64()) {
        (Some(file), Some(line)) => format!("{file}:{line} {}", text("rule")),
        _ => text("rule").to_string(),
    };
    (format!("{} {}", text("address"), text("message")), which)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> Json {
        let finding = |rule: &str, address: &str, at: Option<(&str, u64)>, message: &str| {
            let (file, line) = at.unzip();
            json!({"rule": rule, "address": address, "file": file, "line": line, "message": message})
        };
        json!({"infra": {"attention": [
            finding(
                "data-replaced", "aws_db_instance.main", Some(("main.tf", 88)),
                "would be replaced: its data goes with it, and no final snapshot is configured",
            ),
            finding(
                "serving-destroyed", "aws_lb.old", None,
                "would be destroyed: nothing answers at its DNS name any more",
            ),
            finding(
                "open-to-everyone", "aws_security_group.web", Some(("network.tf", 31)),
                "makes port 22 reachable from everywhere",
            ),
        ]}})
    }

    fn text(columns: usize) -> String {
        attention(&plan(), &TextOptions { columns, ..TextOptions::default() }, Pen { colour: false })
    }

    #[test]
    fn a_wide_terminal_has_the_places_in_a_column() {
        insta::assert_snapshot!(text(160), @r"
        Needs attention
          ! aws_db_instance.main would be replaced: its data goes with it, and no final snapshot is configured   main.tf:88 data-replaced
          ! aws_lb.old would be destroyed: nothing answers at its DNS name any more                              serving-destroyed
          ! aws_security_group.web makes port 22 reachable from everywhere                                       network.tf:31 open-to-everyone
        ");
    }

    #[test]
    fn a_narrow_terminal_breaks_lines_between_words() {
        insta::assert_snapshot!(text(60), @r"
        Needs attention
          ! aws_db_instance.main would be replaced: its data goes
            with it, and no final snapshot is configured
            main.tf:88 data-replaced
          ! aws_lb.old would be destroyed: nothing answers at its
            DNS name any more   serving-destroyed
          ! aws_security_group.web makes port 22 reachable from
            everywhere   network.tf:31 open-to-everyone
        ");
    }

    #[test]
    fn without_findings_nothing_is_said() {
        for plan in [json!({}), json!({"infra": {"attention": []}})] {
            assert_eq!(attention(&plan, &TextOptions::default(), Pen { colour: false }), "");
        }
    }

    #[test]
    fn colours_change_nothing_else() {
        let options = TextOptions::default();
        let mut coloured = attention(&plan(), &options, Pen { colour: true });
        assert!(coloured.contains("  \u{1b}[31m!\u{1b}[0m aws_lb.old would"), "{coloured}");
        for code in [0, 1, 31, 90] {
            coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(coloured, attention(&plan(), &options, Pen { colour: false }));
    }
}
