//! What a plan says first: what needs attention, with its place, in text and in JSON.

use serde_json::Value as Json;

use crate::support::{Cloud, Folder};

const BEFORE: &str = r#"
resource "aws_cloudwatch_log_group" "api" {
  name              = "/api"
  retention_in_days = 365
}

resource "aws_security_group" "web" {
  name = "web"
  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_iam_policy" "deploy" {
  name = "deploy"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::logs/*" }]
  })
}
"#;

const SECRET: &str = r#"
resource "aws_secretsmanager_secret" "token" {
  name                    = "token"
  recovery_window_in_days = 0
}
"#;

/// The first part of a plan's text, up to the first empty line after its headline.
fn block(text: &str) -> Vec<&str> {
    let lines = text.lines().skip_while(|line| *line != "Needs attention");
    lines.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn what_needs_attention_stands_first() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = Folder::with(BEFORE).on(&cloud).env("AWS_REGION", "eu-west-1").env("COLUMNS", "120");
    folder.write("secret.tf", SECRET);
    let made = folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    assert_eq!(block(&made.stdout), [""; 0], "nothing in it needs attention");

    std::fs::remove_file(folder.path("secret.tf")).expect("it was there");
    let after = BEFORE.replace("= 365", "= 30").replace("443", "22").replace("s3:GetObject", "s3:*");
    folder.write("main.tf", &after.replace("arn:aws:s3:::logs/*", "*"));
    let planned = folder.infra(["plan", "-input=false", "-out=p"]).status(0);
    let joined = block(&planned.stdout).join("\n");
    let flat: Vec<String> =
        joined.split("\n  ! ").map(|f| f.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        flat,
        [
            "Needs attention",
            "aws_secretsmanager_secret.token would be destroyed: its value goes at once and cannot be brought back (no \
             recovery_window_in_days) data-destroyed",
            "aws_cloudwatch_log_group.api keeps log events for 30 days instead of for 365 days: older ones are deleted \
             main.tf:2 retention-shortened",
            "aws_iam_policy.deploy newly allows s3:* on everything (Resource \"*\") main.tf:17 policy-star",
            "aws_security_group.web makes port 22 reachable from everywhere main.tf:7 open-to-everyone",
        ]
    );
    assert!(planned.stdout.find("Needs attention") < planned.stdout.find("# aws_"), "{}", planned.stdout);
    let rest = planned.stdout.split_once("\nNeeds attention\n").and_then(|(_, text)| text.split_once("\n\n"));
    let rest = rest.map(|(_, rest)| rest).unwrap_or_default();
    assert!(rest.starts_with("Terraform used the selected providers"), "nothing else is changed by it: {rest}");

    let shown = folder.infra(["show", "-json", "p"]).status(0);
    let plan: Json = serde_json::from_str(&shown.stdout).expect("JSON");
    let findings = plan["infra"]["attention"].as_array().expect("a list");
    let rules: Vec<&str> = findings.iter().filter_map(|finding| finding["rule"].as_str()).collect();
    assert_eq!(rules, ["data-destroyed", "retention-shortened", "policy-star", "open-to-everyone"]);
    assert_eq!((&findings[0]["file"], &findings[3]["line"]), (&Json::Null, &Json::from(7)));

    let lines = folder.infra(["plan", "-input=false", "-json"]).status(0);
    let lines = lines.stdout.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let told: Vec<Json> =
        lines.filter(|line| line["type"] == "infra_attention").map(|line| line["attention"].clone()).collect();
    assert_eq!(&told, findings);
}
