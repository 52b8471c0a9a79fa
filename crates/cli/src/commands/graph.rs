//! `infra graph`: what depends on what, in DOT.

use crate::args::Graph;
use crate::session::Session;
use crate::{Exit, output};

pub(crate) fn run(args: &Graph) -> Exit {
    let _ = (&args.plan, &args.ty);
    let (session, problems) = Session::load(true);
    if problems.has_errors() {
        session.show(problems);
        return Exit(1);
    }
    match infra_engine::resource_dependencies(&session.config, &session.registry) {
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
