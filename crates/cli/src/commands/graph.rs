//! `infra graph`: what depends on what, in DOT.

use crate::args::Graph;
use crate::session::Session;
use crate::{Exit, output, planfile};

pub(crate) fn run(args: &Graph) -> Exit {
    // Both are drawn in one way: what is a kind of graph in Terraform differs only in its own inner steps.
    let _ = &args.ty;
    let saved = match args.plan.as_deref().map(planfile::read).transpose() {
        Ok(saved) => saved,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    let (session, problems) = match &saved {
        Some(saved) => Session::of_snapshot(&saved.configuration, true),
        None => Session::load(true),
    };
    if problems.has_errors() {
        session.show(problems);
        return Exit(1);
    }
    let edges = match &saved {
        Some(saved) => infra_engine::plan_dependencies(&session.config, &session.registry, &saved.plan),
        None => infra_engine::resource_dependencies(&session.config, &session.registry),
    };
    match edges {
        Ok(edges) => {
            output::raw(&infra_view::dot::graph(&edges));
            Exit(0)
        }
        Err(problems) => {
            session.show(problems);
            Exit(1)
        }
    }
}
