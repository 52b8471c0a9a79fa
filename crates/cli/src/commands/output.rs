//! `infra output`: the outputs that the state holds.

use infra_state::{GoJson, OutputValue, State, to_go_json};
use infra_value::{Kind, type_to_json};
use serde_json::{Map, Value as Json, json};

use crate::args::Output;
use crate::session::Session;
use crate::{Exit, output, store};

pub(crate) fn run(args: &Output) -> Exit {
    let (session, _) = Session::load(args.screen.no_color);
    let state = match store::read_only(&session, args.state.as_ref()) {
        Ok(state) => state.unwrap_or_else(State::new),
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    match &args.name {
        Some(name) => one(args, &state, name),
        None if args.raw => {
            output::error("Output name required", "-raw prints the value of one output: infra output -raw NAME");
            Exit(1)
        }
        None => all(args, &state),
    }
}

fn all(args: &Output, state: &State) -> Exit {
    if args.screen.json {
        let outputs: Map<String, Json> = state
            .outputs
            .iter()
            .map(|(name, o)| {
                let value = infra_view::json::known_json(&o.value).unwrap_or(Json::Null);
                (name.to_string(), json!({"sensitive": o.sensitive, "type": type_to_json(&o.ty), "value": value}))
            })
            .collect();
        output::line(&to_go_json(&Json::Object(outputs), GoJson::Indented));
        return Exit(0);
    }
    if state.outputs.is_empty() {
        output::line(
            "Warning: No outputs found\n\nThe state has no outputs: the configuration declares none, or it has not been \
             applied since. After a change of outputs run: infra apply",
        );
        return Exit(0);
    }
    output::raw(&infra_view::text::outputs_text(&state.outputs));
    Exit(0)
}

fn one(args: &Output, state: &State, name: &str) -> Exit {
    let Some(found) = state.outputs.get(name) else {
        let hint = infra_lang::syntax::suggest::did_you_mean(name, state.outputs.keys().map(|k| &**k));
        output::error(
            &format!("Output {name:?} not found"),
            &format!("The state has no output of that name.{hint} Outputs get into the state with an apply."),
        );
        return Exit(1);
    };
    if args.raw {
        return raw(name, found);
    }
    match args.screen.json {
        true => {
            let json = infra_view::json::known_json(&found.value).unwrap_or(Json::Null);
            output::line(&to_go_json(&json, GoJson::Compact));
        }
        false => output::line(&infra_view::text::output_text(&found.value)),
    }
    Exit(0)
}

fn raw(name: &str, found: &OutputValue) -> Exit {
    let text = match found.value.kind() {
        Kind::String(text) => text.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::Bool(b) => b.to_string(),
        _ => {
            output::error(
                "Unsupported value for raw output",
                &format!("The output {name:?} is no text, number or truth value. Use: infra output -json {name}"),
            );
            return Exit(1);
        }
    };
    output::raw(&text);
    Exit(0)
}
