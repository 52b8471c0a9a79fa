//! `infra validate`: everything that can be checked without a state or a cloud.

use crate::Exit;
use crate::args::Validate;
use crate::output;
use crate::session::Session;

pub(crate) fn run(args: &Validate) -> Exit {
    let (session, mut problems) = Session::read(args.screen.no_color);
    if !problems.has_errors() {
        problems.extend(session.validate());
    }
    let failed = problems.has_errors();
    if args.screen.json {
        infra_lang::config::name_blocks(&mut problems, &session.sources);
        output::line(&format!("{:#}", infra_view::json::events::validate_json(&problems, &session.sources)));
        return Exit(u8::from(failed));
    }
    let any = !problems.is_empty();
    session.show(problems);
    if failed {
        return Exit(1);
    }
    match any {
        true => output::line(
            "Success! The configuration is valid, but there were some validation warnings as shown above.\n",
        ),
        false => output::line("Success! The configuration is valid.\n"),
    }
    Exit(0)
}
