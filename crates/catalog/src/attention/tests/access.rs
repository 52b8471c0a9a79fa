//! Who can reach something, and who may do something.

use super::*;

fn rule(protocol: &str, from: i64, to: i64, networks: &[&str]) -> Json {
    let (v6, v4): (Vec<&str>, Vec<&str>) = networks.iter().partition(|network| network.contains(':'));
    json!({"protocol": protocol, "from_port": from, "to_port": to, "cidr_blocks": v4, "ipv6_cidr_blocks": v6,
           "prefix_list_ids": [], "security_groups": [], "self": false, "description": ""})
}

fn group(rules: &[Json]) -> Json {
    json!({"ingress": rules})
}

#[test]
fn a_security_group_says_which_ports_it_opens_to_everybody() {
    let everywhere: &[&str] = &["0.0.0.0/0"];
    for (before, after, wanted) in [
        (vec![], vec![rule("tcp", 22, 22, everywhere)], "makes port 22 reachable from everywhere"),
        (vec![], vec![rule("tcp", 22, 22, &["0.0.0.0/0", "::/0"])], "makes port 22 reachable from everywhere"),
        (vec![], vec![rule("tcp", 22, 22, &["::/0"])], "makes port 22 reachable from everywhere"),
        (vec![], vec![rule("tcp", 22, 22, &["10.0.0.0/8", "fd00::/8"])], ""),
        (vec![], vec![rule("tcp", 80, 80, everywhere), rule("tcp", 443, 443, everywhere)], ""),
        (vec![], vec![rule("udp", 443, 443, everywhere), rule("icmp", -1, -1, everywhere)], ""),
        (vec![], vec![rule("tcp", 80, 443, everywhere)], "makes ports 80 to 443 reachable from everywhere"),
        (
            vec![],
            vec![rule("tcp", 22, 22, everywhere), rule("udp", 53, 53, everywhere), rule("tcp", 8000, 8100, everywhere)],
            "makes port 22, ports 8000 to 8100 and port 53 (UDP) reachable from everywhere",
        ),
        (vec![], vec![rule("-1", 0, 0, everywhere)], "makes every port of every protocol reachable from everywhere"),
        (vec![], vec![rule("tcp", 0, 65535, everywhere)], "makes every TCP port reachable from everywhere"),
        (vec![], vec![rule("50", 0, 0, everywhere)], "makes protocol 50 reachable from everywhere"),
        (
            vec![],
            vec![rule("tcp", 22, 22, &["0.0.0.0/1", "128.0.0.0/1"])],
            "makes port 22 reachable from 0.0.0.0/1, port 22 reachable from 128.0.0.0/1",
        ),
        (vec![rule("tcp", 22, 22, everywhere)], vec![rule("tcp", 22, 22, everywhere)], ""),
        (vec![rule("-1", 0, 0, everywhere)], vec![rule("tcp", 22, 22, everywhere)], ""),
        (
            vec![rule("tcp", 22, 22, &["10.0.0.0/8"])],
            vec![rule("tcp", 22, 22, everywhere)],
            "makes port 22 reachable from everywhere",
        ),
        (
            vec![rule("tcp", 5432, 5432, everywhere)],
            vec![rule("tcp", 5432, 5433, everywhere)],
            "makes ports 5432 to 5433 reachable from everywhere",
        ),
    ] {
        let wanted = if wanted.is_empty() { String::new() } else { format!("Exposed open-to-everyone: {wanted}") };
        assert_eq!(updated("aws_security_group", &group(&before), &group(&after)), wanted);
        if before.is_empty() {
            assert_eq!(created("aws_security_group", &group(&after)), wanted);
        }
    }
    assert_eq!(created("aws_security_group", &json!({"ingress": "(unknown)"})), "");
    let hidden = json!({"ingress": {"sensitive": [rule("tcp", 22, 22, everywhere)]}});
    assert_eq!(
        created("aws_security_group", &hidden),
        "Exposed open-to-everyone: opens ports to everybody (which ones is sensitive)"
    );
}

#[test]
fn a_rule_of_its_own_says_which_ports_it_opens() {
    let opened = "Exposed open-to-everyone: makes port 22 reachable from everywhere";
    let rule = |direction: &str, network: &str| json!({"type": direction, "protocol": "6", "from_port": 22, "to_port": 22, "cidr_blocks": [network]});
    assert_eq!(created("aws_security_group_rule", &rule("ingress", "0.0.0.0/0")), opened);
    assert_eq!(created("aws_security_group_rule", &rule("egress", "0.0.0.0/0")), "");
    assert_eq!(created("aws_security_group_rule", &rule("ingress", "10.0.0.0/8")), "");
    let said =
        replaced("aws_security_group_rule", &rule("ingress", "10.0.0.0/8"), &rule("ingress", "::/0"), "cidr_blocks");
    assert!(said.starts_with(opened), "{said}");
    let ty = "aws_vpc_security_group_ingress_rule";
    let rule = |name: &str, network: Json| json!({"ip_protocol": "tcp", "from_port": 22, "to_port": 22, name: network});
    assert_eq!(created(ty, &rule("cidr_ipv4", json!("0.0.0.0/0"))), opened);
    assert_eq!(created(ty, &rule("cidr_ipv6", json!("::/0"))), opened);
    assert_eq!(created(ty, &rule("cidr_ipv4", json!("(unknown)"))), "");
    assert_eq!(
        created(ty, &rule("cidr_ipv4", json!({"sensitive": "0.0.0.0/0"}))),
        "Exposed open-to-everyone: opens ports to everybody (which ones is sensitive)"
    );
    let all = json!({"ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"});
    assert_eq!(
        updated(ty, &rule("cidr_ipv4", json!("0.0.0.0/0")), &all),
        "Exposed open-to-everyone: makes every port of every protocol reachable from everywhere"
    );
}

#[test]
fn what_becomes_public_is_told_of() {
    let public = |public: bool| json!({"publicly_accessible": public});
    let said = "Exposed open-to-everyone: can be reached from outside of its network (publicly_accessible), as far as its \
                security groups allow";
    assert_eq!(updated("aws_db_instance", &public(false), &public(true)), said);
    assert_eq!(created("aws_db_instance", &public(true)), said);
    assert_eq!(updated("aws_db_instance", &public(true), &public(true)), "");
    let internal = |internal: bool| json!({"internal": internal});
    let said = replaced("aws_lb", &internal(true), &internal(false), "internal");
    assert!(
        said.starts_with("Exposed open-to-everyone: becomes reachable from the internet (internal = false)\n"),
        "{said}"
    );
    let shared = |account: &str| json!({"shared_accounts": [account]});
    assert_eq!(
        updated("aws_db_snapshot", &shared("123456789012"), &shared("all")),
        "Exposed open-to-everyone: lets every AWS account copy its data (shared_accounts)"
    );
    assert_eq!(updated("aws_db_snapshot", &shared("all"), &shared("all")), "");
    let tasks = |public: bool| json!({"network_configuration": [{"assign_public_ip": public, "subnets": []}]});
    assert_eq!(
        updated("aws_ecs_service", &tasks(false), &tasks(true)),
        "Exposed open-to-everyone: gives its tasks public addresses (assign_public_ip)"
    );
    let subnet = |public: bool| json!({"map_public_ip_on_launch": public});
    assert_eq!(
        updated("aws_subnet", &subnet(false), &subnet(true)),
        "Exposed open-to-everyone: gives public addresses to what starts in it (map_public_ip_on_launch)"
    );
}

fn policy(statements: &Json) -> Json {
    json!({"policy": json!({"Version": "2012-10-17", "Statement": statements}).to_string()})
}

fn allow(actions: &Json, resources: &Json) -> Json {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}

#[test]
fn a_policy_says_what_it_newly_allows_with_a_star() {
    let bucket = json!("arn:aws:s3:::logs/*");
    let exposed = |said: &str| format!("Exposed policy-star: newly allows {said}");
    let weakened = |said: &str| format!("Weakened policy-star: newly allows {said}");
    let none = || String::new();
    let everything = "everything (Resource \"*\")";
    for (before, after, wanted) in [
        (
            json!([]),
            json!([allow(&json!("*"), &json!("*"))]),
            exposed(&format!("every action (\"*\") on {everything}")),
        ),
        (
            json!([]),
            allow(&json!(["s3:*", "sqs:*"]), &json!(["*"])),
            exposed(&format!("s3:* and sqs:* on {everything}")),
        ),
        (json!([]), allow(&json!("s3:GetObject"), &bucket), none()),
        (json!([]), allow(&json!("s3:Get*"), &bucket), none()),
        (json!([]), allow(&json!("s3:*"), &bucket), weakened("s3:* on arn:aws:s3:::logs/*")),
        (
            json!([]),
            allow(&json!(["s3:GetObject", "s3:Put*"]), &json!("arn:aws:s3:::*")),
            weakened("s3:GetObject and s3:Put* on everything of arn:aws:s3:::*"),
        ),
        (
            json!([]),
            allow(&json!(["logs:PutLogEvents", "ecr:GetAuthorizationToken"]), &json!("*")),
            weakened(&format!("logs:PutLogEvents on {everything}")),
        ),
        (json!([]), allow(&json!("iam:PassRole"), &json!("*")), exposed(&format!("iam:PassRole on {everything}"))),
        (
            json!([]),
            json!([{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]),
            exposed(&format!("every action but some (NotAction) on {everything}")),
        ),
        (
            json!([]),
            json!([{"Effect": "Allow", "Action": "sqs:*", "NotResource": bucket}]),
            exposed(&format!("sqs:* on {everything}")),
        ),
        (json!([]), json!([{"Effect": "Deny", "Action": "*", "Resource": "*"}]), none()),
        (
            json!([]),
            json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}]),
            exposed(&format!("s3:* on {everything}, under a condition")),
        ),
        // What was allowed before is not new.
        (allow(&json!("*"), &json!("*")), allow(&json!("s3:*"), &json!("*")), none()),
        (allow(&json!("S3:*"), &json!("*")), allow(&json!(["s3:*", "s3:Get*"]), &json!("*")), none()),
        (
            allow(&json!("s3:Get*"), &json!("*")),
            allow(&json!(["s3:Get*", "s3:Put*"]), &json!("*")),
            weakened(&format!("s3:Put* on {everything}")),
        ),
        (
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}),
            allow(&json!("s3:*"), &json!("*")),
            exposed(&format!("s3:* on {everything}")),
        ),
        (
            json!([allow(&json!("s3:*"), &bucket)]),
            json!([allow(&json!("s3:*"), &json!("*"))]),
            exposed(&format!("s3:* on {everything}")),
        ),
    ] {
        for ty in ["aws_iam_policy", "aws_iam_role_policy"] {
            assert_eq!(updated(ty, &policy(&before), &policy(&after)), wanted, "{after}");
        }
        if before == json!([]) {
            assert_eq!(created("aws_iam_policy", &policy(&after)), wanted, "{after}");
        }
    }
    let inline =
        json!({"inline_policy": [{"name": "n", "policy": policy(&allow(&json!("*"), &json!("*")))["policy"]}]});
    assert_eq!(created("aws_iam_role", &inline), exposed(&format!("every action (\"*\") on {everything}")));
    assert_eq!(updated("aws_iam_role", &inline, &inline), "");
}

#[test]
fn a_policy_that_is_sensitive_or_unknown_is_not_quoted() {
    let text = &policy(&allow(&json!("s3:*"), &json!("*")))["policy"];
    assert_eq!(
        created("aws_iam_policy", &json!({"policy": {"sensitive": text}})),
        "Exposed policy-star: newly allows something with \"*\" (the policy is sensitive)"
    );
    assert_eq!(created("aws_iam_policy", &json!({"policy": "(unknown)"})), "");
    assert_eq!(
        updated("aws_iam_policy", &json!({"policy": text}), &json!({"policy": "(unknown)"})),
        "Weakened policy-star: gets another policy, and what that newly allows is known after apply only"
    );
    assert_eq!(created("aws_iam_policy", &json!({"policy": "no JSON"})), "");
}

fn trust(statements: &Json) -> Json {
    json!({"assume_role_policy": json!({"Version": "2012-10-17", "Statement": statements}).to_string()})
}

#[test]
fn a_role_says_who_newly_can_assume_it() {
    let allow = |principal: Json| json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal});
    let with = |principal: Json, condition: Json| {
        let mut json = allow(principal);
        json["Condition"] = condition;
        json
    };
    let host = "token.actions.githubusercontent.com";
    let github = || json!({"Federated": format!("arn:aws:iam::1:oidc-provider/{host}")});
    let subject = |subject: &str| json!({"StringLike": {format!("{host}:sub"): subject}});
    let vouched = format!(
        "Exposed policy-star: newly can be assumed by everybody whom {host} knows: there is no condition on {host}:sub that \
         says who"
    );
    for (statement, wanted) in [
        (allow(json!("*")), "Exposed policy-star: newly can be assumed by everybody (Principal \"*\")"),
        (allow(json!({"AWS": ["*"]})), "Exposed policy-star: newly can be assumed by everybody (Principal \"*\")"),
        (
            with(json!({"AWS": "*"}), json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
            "Weakened policy-star: newly can be assumed by everybody (Principal \"*\"), under a condition on \
             aws:PrincipalOrgID",
        ),
        (allow(json!({"Service": "ecs-tasks.amazonaws.com"})), ""),
        (allow(json!({"AWS": "arn:aws:iam::123456789012:root"})), ""),
        (allow(github()), &vouched),
        (with(github(), json!({"StringEquals": {format!("{host}:aud"): "sts.amazonaws.com"}})), &vouched),
        (with(github(), subject("repo:*")), &vouched),
        (with(github(), subject("*")), &vouched),
        (with(github(), subject("repo:us/infra:*")), ""),
    ] {
        assert_eq!(created("aws_iam_role", &trust(&statement)), wanted, "{statement}");
        assert_eq!(updated("aws_iam_role", &trust(&statement), &trust(&json!([statement]))), "");
    }
    let narrow = with(json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}));
    assert_eq!(
        updated("aws_iam_role", &trust(&narrow), &trust(&allow(json!("*")))),
        "Exposed policy-star: newly can be assumed by everybody (Principal \"*\")"
    );
}

#[test]
fn an_object_says_what_it_newly_allows_everybody() {
    let statement = json!([{"Effect": "Allow", "Action": ["kms:Decrypt"], "Principal": {"AWS": "*"}, "Resource": "*"}]);
    let said = "Exposed policy-star: newly allows everybody (Principal \"*\") kms:Decrypt";
    for ty in ["aws_kms_key", "aws_secretsmanager_secret", "aws_sns_topic"] {
        assert_eq!(created(ty, &policy(&statement)), said);
        assert_eq!(updated(ty, &policy(&statement), &policy(&statement)), "");
    }
    // The usual policy of a key.
    let root =
        json!([{"Effect": "Allow", "Action": "kms:*", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Resource": "*"}]);
    assert_eq!(created("aws_kms_key", &policy(&root)), "");
    let inverted =
        json!([{"Effect": "Allow", "NotAction": "kms:Delete*", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}]);
    assert_eq!(
        created("aws_kms_key", &policy(&inverted)),
        "Exposed policy-star: newly allows everybody but some (NotPrincipal) every action but some"
    );
}

#[test]
fn a_mighty_policy_of_aws_is_told_of_where_it_is_attached() {
    let arn = |name: &str| json!({"policy_arn": format!("arn:aws:iam::aws:policy/{name}")});
    let ty = "aws_iam_role_policy_attachment";
    assert_eq!(
        created(ty, &arn("AdministratorAccess")),
        "Exposed policy-star: gives its role AWS's policy AdministratorAccess, which allows everything"
    );
    assert_eq!(
        created(ty, &arn("PowerUserAccess")),
        "Exposed policy-star: gives its role AWS's policy PowerUserAccess, which allows everything but IAM"
    );
    assert_eq!(created(ty, &arn("ReadOnlyAccess")), "");
    assert_eq!(created(ty, &json!({"policy_arn": "(unknown)"})), "");
    let role = |name: &str| json!({"managed_policy_arns": [format!("arn:aws:iam::aws:policy/{name}")]});
    assert_eq!(
        updated("aws_iam_role", &role("ReadOnlyAccess"), &role("AdministratorAccess")),
        "Exposed policy-star: gets AWS's policy AdministratorAccess, which allows everything"
    );
    assert_eq!(updated("aws_iam_role", &role("AdministratorAccess"), &role("AdministratorAccess")), "");
}

#[test]
fn a_pattern_fits_texts_and_narrower_patterns() {
    for (pattern, text, wanted) in [
        ("*", "", true),
        ("*", "s3:*", true),
        ("s3:*", "s3:Get*", true),
        ("s3:Get*", "s3:*", false),
        ("s3:*Object", "s3:GetObject", true),
        ("s3:*Object", "s3:GetObjectAcl", false),
        ("a?c", "abc", true),
        ("a?c", "a*c", false),
        ("a*b*c", "a-b-b-c", true),
        ("abc", "abcd", false),
    ] {
        assert_eq!(policy::fits(pattern, text), wanted, "{pattern} {text}");
    }
}
