//! What can be checked of a configuration before anything is evaluated: whether all that is referred to is declared.

mod bodies;
mod references;

use infra_diag::{Diagnostic, Diagnostics};

use self::bodies::body_expressions;
use self::references::{Checker, Surroundings};
use super::{Config, Connection, Module, ModuleCall, Provisioner, ReleaseBlock, ReleaseStrategy, Resource};
use crate::eval::{Subject, references as references_in};
use crate::syntax::suggest::did_you_mean;
use crate::syntax::{Expr, ExprKind};

/// Checks all modules.
pub(crate) fn check(config: &Config, diagnostics: &mut Diagnostics) {
    for module in config.modules() {
        check_module(module, &mut Checker { module, diagnostics });
    }
}

/// Checks the references of an expression that somebody asks about in a module, outside of any block.
pub fn check_references(expr: &Expr, module: &Module) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    Checker { module, diagnostics: &mut diagnostics }.expr(expr, Surroundings::default());
    diagnostics
}

fn check_module(module: &Module, checker: &mut Checker<'_>) {
    let plain = Surroundings::default();
    for variable in module.variables.values() {
        for rule in &variable.validations {
            checker.rule(rule, plain);
        }
    }
    for local in module.locals.values() {
        checker.expr(&local.expr, plain);
        let (references, _) = references_in(&local.expr);
        let own = references.iter().find(|r| r.subject == Subject::Local(local.name.clone()));
        if let Some(own) = own {
            checker.diagnostics.push(
                Diagnostic::error(
                    "Self-referencing local value",
                    format!("The value of local.{} depends on itself.", local.name),
                )
                .at(own.range.clone()),
            );
        }
    }
    for output in module.outputs.values() {
        if output.ephemeral && module.path.is_root() {
            checker.diagnostics.push(
                Diagnostic::error(
                    "Ephemeral output not allowed",
                    "Outputs of the root module are stored in the state, so they cannot be ephemeral.",
                )
                .at(output.decl_range.clone()),
            );
        }
        if let Some(value) = &output.value {
            checker.expr(value, plain);
        }
        output.preconditions.iter().for_each(|rule| checker.rule(rule, plain));
        checker.depends_on(&output.depends_on, plain);
    }
    for resource in module.resources.values() {
        check_resource(resource, checker);
    }
    for call in module.module_calls.values() {
        check_call(module, call, checker);
    }
    for provider in &module.providers {
        body_expressions(&provider.body, &mut |expr, bound| checker.bound_expr(expr, bound, plain));
    }
    for check in module.checks.values() {
        let within = Surroundings { check: Some(&check.name), ..plain };
        check.asserts.iter().for_each(|rule| checker.rule(rule, within));
    }
    for release in module.releases.values() {
        check_release(release, checker);
    }
    for import in &module.imports {
        let each = Surroundings { each: import.for_each.is_some(), ..plain };
        checker.expr(&import.id, each);
        instance_keys(&import.to, &mut |key| checker.expr(key, each));
        import.for_each.iter().for_each(|expr| checker.expr(expr, plain));
    }
}

fn check_release(release: &ReleaseBlock, checker: &mut Checker<'_>) {
    let members = [&release.services, &release.target_groups, &release.listener, &release.test_listener];
    for member in members.into_iter().flatten() {
        checker.release_member(member);
    }
    let strategy = match &release.strategy {
        ReleaseStrategy::Block { settings, .. } => Some(settings),
        ReleaseStrategy::Named(attribute) => {
            checker.expr(&attribute.expr, Surroundings::default());
            None
        }
        ReleaseStrategy::Usual => None,
    };
    let all = [&release.settings, &release.revert_when];
    let all = all.into_iter().chain(strategy).chain(&release.before_shift);
    for attribute in all.chain(release.checks.iter().map(|check| &check.settings)).flat_map(|a| a.values()) {
        checker.expr(&attribute.expr, Surroundings::default());
    }
}

/// The instance keys in an address that are expressions.
fn instance_keys(address: &Expr, see: &mut dyn FnMut(&Expr)) {
    match &address.kind {
        ExprKind::Index { collection, key } => {
            instance_keys(collection, see);
            see(key);
        }
        ExprKind::RelativeTraversal { source, .. } => instance_keys(source, see),
        _ => {}
    }
}

fn check_resource(resource: &Resource, checker: &mut Checker<'_>) {
    let outside = Surroundings { check: resource.check.as_deref(), ..Surroundings::default() };
    let inside = Surroundings { count: resource.count.is_some(), each: resource.for_each.is_some(), ..outside };
    let with_self = Surroundings { own: true, ..inside };
    for expr in resource.count.iter().chain(&resource.for_each) {
        checker.expr(expr, outside);
    }
    body_expressions(&resource.body, &mut |expr, bound| checker.bound_expr(expr, bound, inside));
    for trigger in &resource.lifecycle.replace_triggered_by {
        checker.expr(trigger, inside);
    }
    resource.lifecycle.preconditions.iter().for_each(|rule| checker.rule(rule, inside));
    resource.lifecycle.postconditions.iter().for_each(|rule| checker.rule(rule, with_self));
    check_connection(resource.connection.as_ref(), with_self, checker);
    for provisioner in &resource.provisioners {
        check_provisioner(provisioner, with_self, checker);
    }
    checker.depends_on(&resource.depends_on, inside);
}

fn check_provisioner(provisioner: &Provisioner, with_self: Surroundings<'_>, checker: &mut Checker<'_>) {
    if !matches!(&*provisioner.ty, "local-exec" | "remote-exec" | "file") {
        checker.diagnostics.push(Diagnostic::error(
            "Missing required provisioner plugin",
            format!(
                "There is no provisioner \"{}\", which is used at {}. There are local-exec, remote-exec and file.",
                provisioner.ty, provisioner.decl_range
            ),
        ));
    }
    body_expressions(&provisioner.body, &mut |expr, bound| checker.bound_expr(expr, bound, with_self));
    check_connection(provisioner.connection.as_ref(), with_self, checker);
}

fn check_connection(connection: Option<&Connection>, with_self: Surroundings<'_>, checker: &mut Checker<'_>) {
    if let Some(connection) = connection {
        body_expressions(&connection.body, &mut |expr, bound| checker.bound_expr(expr, bound, with_self));
    }
}

fn check_call(module: &Module, call: &ModuleCall, checker: &mut Checker<'_>) {
    let outside = Surroundings::default();
    let inside = Surroundings { count: call.count.is_some(), each: call.for_each.is_some(), ..outside };
    for expr in call.count.iter().chain(&call.for_each) {
        checker.expr(expr, outside);
    }
    for input in call.inputs.values() {
        checker.expr(&input.expr, inside);
    }
    checker.depends_on(&call.depends_on, inside);
    let Some(child) = module.children.get(&call.name) else { return };
    for input in call.inputs.values().filter(|input| !child.variables.contains_key(&input.name)) {
        let name = &input.name;
        let hint = did_you_mean(name, child.variables.keys().map(|known| &**known));
        checker.diagnostics.push(
            Diagnostic::error("Unsupported argument", format!("The module has no input variable \"{name}\".{hint}"))
                .at(input.name_range.clone()),
        );
    }
    for variable in child.variables.values() {
        if variable.is_required() && !call.inputs.contains_key(&variable.name) {
            checker.diagnostics.push(
                Diagnostic::error(
                    "Missing required argument",
                    format!(
                        "The input variable \"{}\" of the module has no default, so it must be set here.",
                        variable.name
                    ),
                )
                .at(call.missing_item_range.clone()),
            );
        }
    }
}
