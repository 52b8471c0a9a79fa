//! A folder with its modules is loaded as one tree, and what does not fit together is reported where it is written.

use std::fs;
use std::path::Path;

use infra_address::{ModulePath, Resource};
use infra_diag::{Diagnostics, SourceRange};
use infra_lang::config::{Config, IgnoreChanges, LoadOptions, load};
use infra_value::Value;

/// Loads files, of which those in `root/` are the root module.
fn loaded(files: &[(&str, &str)]) -> (Config, Diagnostics) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }
    let (config, _, diagnostics) = load(&folder.path().join("root"), &LoadOptions::default());
    (config, diagnostics)
}

/// `main.tf:2 Summary`
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let (_, diagnostics) = loaded(files);
    let line = |d: &infra_diag::Diagnostic| match &d.subject {
        Some(range) => format!("{}:{} {}", range.file, range.start.line, d.summary),
        None => d.summary.clone(),
    };
    diagnostics.iter().map(line).collect()
}

fn call(source: &str) -> String {
    format!("module \"m\" {{\n  source = \"{source}\"\n}}\n")
}

#[test]
fn files_are_named_relative_to_the_root_module() {
    let bad = "output \"o\" {\n  value = var.nope\n}\n";
    let undeclared = "Reference to undeclared input variable";
    for (source, file, shown) in [
        ("./net", "root/net/main.tf", "net/main.tf:2"),
        ("./modules/net", "root/modules/net/outputs.tf", "modules/net/outputs.tf:2"),
        ("../shared/net/", "shared/net/main.tf", "../shared/net/main.tf:2"),
    ] {
        let files = [("root/main.tf", &*call(source)), (file, bad)];
        assert_eq!(problems(&files), [format!("{shown} {undeclared}")], "{source}");
    }
}

#[test]
fn a_file_of_a_hundred_megabytes_is_refused_unread() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = std::fs::File::create(folder.path().join("main.tf")).expect("a file");
    file.set_len(100 << 20).expect("a file without content takes no room");
    let (_, _, diagnostics) = load(folder.path(), &LoadOptions::default());
    let told: Vec<&str> = diagnostics.iter().map(|d| &*d.detail).collect();
    assert_eq!(told, ["The file main.tf cannot be read: it is longer than 32 MiB."]);
}

#[test]
fn a_folder_without_configuration_is_an_empty_one() {
    let none: [&str; 0] = [];
    assert_eq!(problems(&[("root/README.md", ""), ("root/.hidden.tf", "x"), ("root/a.tf~", "x")]), none);
}

#[test]
fn a_module_that_is_not_in_a_folder_has_to_be_installed() {
    let registry = call("terraform-aws-modules/vpc/aws");
    assert_eq!(problems(&[("root/main.tf", &registry)]), ["main.tf:1 Module not installed"]);
    let manifest = r#"{"Modules":[{"Key":"","Source":"","Dir":"."},
        {"Key":"m","Source":"registry.terraform.io/terraform-aws-modules/vpc/aws","Version":"5.0.0","Dir":".terraform/modules/m"}]}"#;
    let (config, diagnostics) = loaded(&[
        ("root/main.tf", &registry),
        ("root/.terraform/modules/modules.json", manifest),
        ("root/.terraform/modules/m/main.tf", "output \"id\" {\n  value = 1\n}\n"),
    ]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let module = config.module(&ModulePath::root().child("m")).expect("the module is loaded");
    assert_eq!(module.source_dir, ".terraform/modules/m");
}

#[test]
fn a_module_cannot_call_itself() {
    let files = [("root/main.tf", &*call("./a")), ("root/a/main.tf", &call("../b")), ("root/b/main.tf", &call("../a"))];
    assert_eq!(problems(&files), ["b/main.tf:1 Module not installed"]);
}

#[test]
fn inputs_are_those_that_the_module_declares() {
    let child = "variable \"cidr\" {}\nvariable \"name\" {\n  default = \"n\"\n}\n";
    let main = "module \"m\" {\n  source = \"./m\"\n  cdir   = 1\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", main), ("root/m/main.tf", child)]),
        ["main.tf:3 Unsupported argument", "main.tf:1 Missing required argument",]
    );
}

#[test]
fn the_iterator_of_a_dynamic_block_is_no_reference() {
    let native = r#"
        resource "terraform_data" "x" {
          dynamic "outer" {
            for_each = outer.value
            iterator = it
            content {
              a = it.value
              b = outer.value
              dynamic "inner" {
                for_each = it.value
                content {
                  c = [inner.key, it.key]
                }
              }
            }
          }
        }"#;
    assert_eq!(
        problems(&[("root/main.tf", native)]),
        ["main.tf:4 Reference to undeclared resource", "main.tf:8 Reference to undeclared resource",]
    );
    let json = r#"{"resource": {"terraform_data": {"x": {"dynamic": {"outer": {
        "for_each": "${[1]}",
        "content": {"a": "${outer.value}", "b": "${inner.value}"}}}}}}}"#;
    assert_eq!(problems(&[("root/main.tf.json", json)]), ["main.tf.json:3 Reference to undeclared resource"]);
}

#[test]
fn versions_other_than_the_supported_ones_are_refused() {
    let core = "terraform {\n  required_version = \">= 1.12\"\n}\nnew_block {}\n";
    assert_eq!(problems(&[("root/main.tf", core)]), ["main.tf:2 Unsupported Terraform Core version"]);
    let aws = |constraint: &str| {
        format!(
            "terraform {{\n  required_providers {{\n    aws = {{\n      version = \"{constraint}\"\n    }}\n  }}\n}}\n"
        )
    };
    assert_eq!(problems(&[("root/main.tf", &aws("~> 6.0"))]), ["main.tf:4 Unsupported provider version"]);
    assert_eq!(problems(&[("root/main.tf", &aws("~> 5.100"))]), [""; 0]);
}

#[test]
fn a_resource_uses_the_provider_configuration_that_reaches_its_module() {
    let root = r#"
        provider "aws" {}
        provider "aws" {
          alias = "west"
        }
        resource "aws_vpc" "plain" {}
        resource "aws_vpc" "west" {
          provider = aws.west
        }
        resource "terraform_data" "t" {}
        module "inherits" {
          source = "./child"
        }
        module "west" {
          source    = "./child"
          providers = { aws = aws.west }
        }
        module "alias" {
          source    = "./alias"
          providers = { aws.there = aws.west }
        }
        module "own" {
          source = "./own"
        }"#;
    let alias = r#"
        terraform {
          required_providers {
            aws = {
              source                = "hashicorp/aws"
              configuration_aliases = [aws.there]
            }
          }
        }
        resource "aws_vpc" "plain" {
          provider = aws.there
        }"#;
    let own = "provider \"aws\" {\n  region = \"eu-west-1\"\n}\nresource \"aws_vpc\" \"plain\" {}\n";
    let (config, diagnostics) = loaded(&[
        ("root/main.tf", root),
        ("root/child/main.tf", "resource \"aws_vpc\" \"plain\" {}\n"),
        ("root/alias/main.tf", alias),
        ("root/own/main.tf", own),
    ]);
    let told: Vec<_> = diagnostics.iter().map(|d| (d.is_error(), &*d.summary)).collect();
    assert_eq!(told, [(false, "Reference to undefined provider")], "of the child, which requires none");
    for (module, ty, name, address) in [
        ("", "aws_vpc", "plain", r#"provider["registry.terraform.io/hashicorp/aws"]"#),
        ("", "aws_vpc", "west", r#"provider["registry.terraform.io/hashicorp/aws"].west"#),
        ("", "terraform_data", "t", r#"provider["terraform.io/builtin/terraform"]"#),
        ("inherits", "aws_vpc", "plain", r#"provider["registry.terraform.io/hashicorp/aws"]"#),
        ("west", "aws_vpc", "plain", r#"provider["registry.terraform.io/hashicorp/aws"].west"#),
        ("alias", "aws_vpc", "plain", r#"provider["registry.terraform.io/hashicorp/aws"].west"#),
        ("own", "aws_vpc", "plain", r#"module.own.provider["registry.terraform.io/hashicorp/aws"]"#),
    ] {
        let path = if module.is_empty() { ModulePath::root() } else { ModulePath::root().child(module) };
        let declared = config.module(&path).and_then(|m| m.resource(&Resource::managed(ty, name)));
        let provider = config.provider_for(&path, declared.expect("the resource is declared"));
        assert_eq!(provider.map(|p| p.to_string()).as_deref(), Some(address), "{module} {name}");
    }
}

#[test]
fn provider_configurations_that_do_not_reach_a_module_are_reported() {
    let alias =
        "terraform {\n  required_providers {\n    aws = {\n      configuration_aliases = [aws.there]\n    }\n  }\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", &call("./m")), ("root/m/main.tf", alias)]),
        ["main.tf:1 Missing required provider configuration"]
    );
    let unknown = "module \"m\" {\n  source    = \"./m\"\n  providers = { aws = aws.nope }\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", unknown), ("root/m/main.tf", "")]),
        ["Provider configuration not present", "main.tf:3 Reference to undefined provider"]
    );
    let empty = "provider \"aws\" {}\nprovider \"aws\" {\n  alias = \"a\"\n}\n";
    let passes = "provider \"aws\" {}\nmodule \"m\" {\n  source    = \"./m\"\n  providers = { aws = aws }\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", passes), ("root/m/main.tf", empty)]),
        ["main.tf:4 Reference to undefined provider", "m/main.tf:1 Redundant empty provider block"]
    );
    let another = "terraform {\n  required_providers {\n    aws = {\n      source = \"other/aws\"\n    }\n  }\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", &passes.replace("provider \"aws\" {}\n", "")), ("root/m/main.tf", another)]),
        ["main.tf:3 Reference to undefined provider", "main.tf:3 Provider type mismatch"]
    );
    let repeated = "module \"m\" {\n  source = \"./m\"\n  count  = 2\n}\n";
    let own = "provider \"aws\" {\n  region = \"eu-west-1\"\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", repeated), ("root/m/main.tf", own)]),
        ["main.tf:3 Module is incompatible with count, for_each, and depends_on"]
    );
}

#[test]
fn what_is_wrong_in_a_module_that_is_called_twice_is_told_once() {
    let calls = format!("{}{}", call("./m"), call("./m").replace("\"m\"", "\"n\""));
    let wrong = "variable \"v\" {\n  type = object({ a = string, a = number })\n}\n";
    let told = problems(&[("root/main.tf", &calls), ("root/m/main.tf", wrong)]);
    assert_eq!(told, ["m/main.tf:2 Invalid type specification"]);
}

#[test]
fn what_cannot_be_read_in_required_providers_is_told_once() {
    let provider = |content: &str| format!("terraform {{\n  required_providers {{\n    aws {content}\n  }}\n}}\n");
    let told = |content: &str| problems(&[("root/main.tf", &provider(content))]);
    assert_eq!(told("= { source { } }"), ["main.tf:3 Missing key/value separator"]);
    assert_eq!(told("{\n    }\n    version = \"nonsense\""), ["main.tf:3 Unexpected \"aws\" block"]);
}

#[test]
fn an_override_file_replaces_arguments_and_merges_lifecycles() {
    let base = r#"
        resource "terraform_data" "x" {
          input = 1
          lifecycle {
            prevent_destroy = true
            ignore_changes  = [input]
          }
        }"#;
    let overriding = r#"
        resource "terraform_data" "x" {
          count = 2
          lifecycle {
            ignore_changes = all
          }
        }"#;
    let (config, diagnostics) = loaded(&[("root/main.tf", base), ("root/main_override.tf", overriding)]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let resource = &config.root.resources[&Resource::managed("terraform_data", "x")];
    assert!(resource.count.is_some());
    assert!(resource.lifecycle.prevent_destroy);
    assert_eq!(resource.lifecycle.ignore_changes, IgnoreChanges::All);

    let base = r#"{"locals": {"a": 1, "b": 2}, "resource": {"terraform_data": {"x": {
        "input": 1, "lifecycle": {"prevent_destroy": true, "ignore_changes": ["input"]}}}}}"#;
    let overriding = r#"{"locals": {"b": 3}, "resource": {"terraform_data": {"x": {
        "count": 2, "lifecycle": {"ignore_changes": "all"}}}}}"#;
    let (config, diagnostics) = loaded(&[("root/main.tf.json", base), ("root/override.tf.json", overriding)]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let resource = &config.root.resources[&Resource::managed("terraform_data", "x")];
    assert!(resource.count.is_some());
    assert!(resource.lifecycle.prevent_destroy);
    assert_eq!(resource.lifecycle.ignore_changes, IgnoreChanges::All);
    let local = |name: &str| config.root.locals[name].expr.range.file.to_string();
    assert_eq!((local("a"), local("b")), ("main.tf.json".to_string(), "override.tf.json".to_string()));
}

#[test]
fn a_resource_is_imported_by_one_block() {
    let import = |to: &str| format!("import {{\n  to = {to}\n  id = \"i\"\n}}\n");
    for (first, second, twice) in [
        ("aws_vpc.a", "aws_vpc.a", true),
        ("aws_vpc.a[0]", "aws_vpc.a[0]", true),
        ("aws_vpc.a[0]", "aws_vpc.a[1]", false),
        ("aws_vpc.a", "module.m.aws_vpc.a", false),
        ("aws_vpc.a[local.k]", "aws_vpc.a[local.k]", false),
    ] {
        let text = format!("{}{}locals {{\n  k = 1\n}}\n", import(first), import(second));
        let found = problems(&[("root/main.tf", &text)]);
        let told = found.iter().any(|p| p.starts_with("main.tf:6 Duplicate import configuration for \"aws_vpc.a\""));
        assert_eq!(told, twice, "{first} {second}: {found:?}");
    }
}

#[test]
fn the_default_configuration_of_a_provider_can_be_overridden_where_there_is_none() {
    let base = "provider \"aws\" {\n  alias  = \"b\"\n  region = \"eu-west-1\"\n}\nresource \"aws_vpc\" \"v\" {}\n";
    let json = r#"{"provider": {"aws": [{"region": "eu-west-2"}, {"alias": "b", "profile": "p"}]}}"#;
    let (config, diagnostics) = loaded(&[("root/main.tf", base), ("root/local_override.tf.json", json)]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let names = |alias| {
        let block = config.root.provider_block("aws", alias);
        let mut names: Vec<_> = block.into_iter().flat_map(|b| b.body.just_attributes().0).map(|a| a.name).collect();
        names.sort();
        names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["region"]);
    assert!(names(Some("b")).contains(&"profile".to_string()), "{:?}", names(Some("b")));
    let other = "provider \"aws\" {\n  alias = \"c\"\n}\n";
    assert_eq!(
        problems(&[("root/main.tf", base), ("root/override.tf", other)]),
        ["override.tf:1 Missing base provider configuration for override"]
    );
}

#[test]
fn an_override_may_be_in_the_other_syntax() {
    let native = r#"
        terraform {
          required_version = ">= 1.0"
          backend "local" { path = "a" }
        }
        variable "v" { default = 1 }
        locals {
          a = 1
          b = 2
        }
        module "m" {
          source = "./m"
          v      = 1
        }
        resource "terraform_data" "x" {
          input = 1
          lifecycle {
            prevent_destroy = true
            ignore_changes  = [input]
          }
        }"#;
    let json = r#"{"terraform": {"backend": {"local": {"path": "b"}}}, "variable": {"v": {"default": "${2}"}},
        "locals": {"b": 3}, "module": {"m": {"v": 2}}, "resource": {"terraform_data": {"x": {
        "count": 2, "lifecycle": {"ignore_changes": "all"}}}}}"#;
    let base = |text: &str| text.replace("${2}", "1");
    let as_json = r#"{"terraform": {"required_version": ">= 1.0", "backend": {"local": {"path": "a"}}},
        "variable": {"v": {"default": 1}}, "locals": {"a": 1, "b": 2}, "module": {"m": {"source": "./m", "v": 1}},
        "resource": {"terraform_data": {"x": {
        "input": 1, "lifecycle": {"prevent_destroy": true, "ignore_changes": ["input"]}}}}}"#;
    let as_native = r#"
        terraform {
          backend "local" { path = "b" }
        }
        variable "v" { default = "$${2}" }
        locals { b = 3 }
        module "m" { v = 2 }
        resource "terraform_data" "x" {
          count = 2
          lifecycle { ignore_changes = all }
        }"#;
    let child = ("root/m/main.tf", "variable \"v\" {}\n");
    for (first, text, second, over) in [
        ("root/main.tf", native.to_string(), "root/z_override.tf.json", json),
        ("root/main.tf.json", base(as_json), "root/z_override.tf", as_native),
    ] {
        let (config, diagnostics) = loaded(&[(first, &text), (second, over), child]);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let resource = &config.root.resources[&Resource::managed("terraform_data", "x")];
        assert!(resource.count.is_some());
        assert!(resource.lifecycle.prevent_destroy);
        assert_eq!(resource.lifecycle.ignore_changes, IgnoreChanges::All);
        assert_eq!(config.root.variables["v"].default, Some(Value::string("${2}")));
        let file = |range: &SourceRange| range.file.to_string();
        let overriding = second.trim_start_matches("root/").to_string();
        assert_eq!(file(&config.root.locals["b"].expr.range), overriding);
        assert_ne!(file(&config.root.locals["a"].expr.range), overriding);
        assert_eq!(file(&config.root.module_calls["m"].inputs["v"].expr.range), overriding);
        assert_eq!(config.root.backend.as_ref().map(|b| file(&b.decl_range)), Some(overriding));
        assert_eq!(config.root.required_version.len(), 1);
    }
}

#[test]
fn texts_of_a_variable_in_json_are_no_templates() {
    let text = r#"{"variable": {"v": {"default": {"${k}": "arn:${region}"}, "description": "%{ if"}}}"#;
    let (config, diagnostics) = loaded(&[("root/main.tf.json", text)]);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let default = config.root.variables["v"].default.as_ref();
    assert_eq!(default, Some(&Value::object([("${k}", Value::string("arn:${region}"))])));
}
