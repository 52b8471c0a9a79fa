//! What `init` does about the backend: reads the block and the options, moves states if the backend has changed, and
//! records what later runs use.

use std::io::{BufRead, IsTerminal};
use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, Sources};
use infra_lang::config::Backend as Declared;
use infra_state::{Backend, LockOptions};
use infra_value::Value;

use super::migration::Migration;
use super::record::{self, Record};
use super::settings::{Kind, Settings};
use super::{default_local, is_a_state};
use crate::{output, store};

/// What `init` was told.
pub(crate) struct Initialising<'a> {
    pub block: Option<&'a Declared>,
    /// `-backend-config`
    pub given: &'a [String],
    /// Forget what was recorded.
    pub reconfigure: bool,
    /// States may be copied.
    pub migrate: bool,
    /// Without a question.
    pub force_copy: bool,
    pub locking: LockOptions,
    /// Somebody may be asked.
    pub ask: bool,
    /// Tells what happens.
    pub say: &'a dyn Fn(&str),
}

/// Sets the backend up. Gives warnings.
///
/// # Errors
/// When it cannot be used, or nobody said what is to become of states elsewhere. What was recorded then stays.
pub(crate) fn initialise(options: &Initialising<'_>, sources: &mut Sources) -> Result<Diagnostics, Diagnostics> {
    let recorded = if options.reconfigure { None } else { record::read()? };
    let mut problems = Diagnostics::new();
    let Some(block) = options.block else {
        if options.given.iter().any(|item| !item.is_empty()) {
            problems.push(Diagnostic::warning(
                "Missing backend configuration",
                "-backend-config was given, and the configuration has no backend block that it could be for. Write one, \
                 terraform { backend \"s3\" {} }, or leave the option out.",
            ));
        }
        match recorded {
            Some(recorded) => options.unset(&recorded)?,
            None if options.reconfigure => record::write(None)?,
            None => {}
        }
        return Ok(problems);
    };
    let declared = Settings::of(block)?;
    let hash = declared.hash();
    let settings = declared.with(options.given, sources)?;
    let Some(recorded) = recorded else {
        let settings = options.completed(settings);
        let (backend, warnings) = settings.open(Some(block))?;
        problems.extend(warnings);
        options.adopt_the_folder(&*backend)?;
        options.record(&settings, hash, &*backend)?;
        return Ok(problems);
    };
    let saved = recorded.settings();
    let unchanged = *block.ty == *recorded.kind
        && (recorded.hash == hash && options.given.is_empty() || saved.as_ref().is_ok_and(|saved| *saved == settings));
    if unchanged {
        let (backend, warnings) = saved?.open(Some(block))?;
        problems.extend(warnings);
        select_workspace(&*backend, options.ask)?;
        if recorded.hash != hash {
            record::write(Some(&Record { hash, ..recorded }))?;
        }
        return Ok(problems);
    }
    if !options.migrate {
        return Err(changed(&recorded, Some(block)).into());
    }
    (options.say)(&match *block.ty == *recorded.kind {
        true => "The settings of the backend have changed.".to_string(),
        false => format!("The backend was {:?}, and is {:?} now.", recorded.kind, &*block.ty),
    });
    let settings = options.completed(settings);
    let (backend, warnings) = settings.open(Some(block))?;
    problems.extend(warnings);
    let (old, _) = saved?.open(None)?;
    options.migration(&*old, &*backend).run()?;
    options.record(&settings, hash, &*backend)?;
    Ok(problems)
}

impl Initialising<'_> {
    fn migration<'m>(&'m self, from: &'m dyn Backend, to: &'m dyn Backend) -> Migration<'m> {
        Migration { from, to, locking: self.locking, force: self.force_copy, ask: self.ask, say: self.say }
    }

    /// There is no backend block any more: back to a file in the folder.
    fn unset(&self, recorded: &Record) -> Result<(), Diagnostics> {
        if !self.migrate {
            return Err(changed(recorded, None).into());
        }
        (self.say)(&format!("The backend {:?} is in the configuration no more.", recorded.kind));
        let (old, _) = recorded.settings()?.open(None)?;
        let here = default_local();
        self.migration(&*old, &here).run()?;
        record::write(None)?;
        select_workspace(&here, self.ask)?;
        (self.say)(&format!(
            "Successfully unset the backend {:?}. States are kept in this folder from now on.",
            recorded.kind
        ));
        Ok(())
    }

    /// Copies the states that the folder has had so far, and puts them aside: two that both look like the present one
    /// would be a trap.
    fn adopt_the_folder(&self, backend: &dyn Backend) -> Result<(), Diagnostics> {
        let here = default_local();
        let names = here.workspaces().map_err(|error| store::explain(&error))?;
        let path = |name: &String| here.state_path(name);
        if !names.iter().any(|name| is_a_state(&path(name)) && backend.state(name).place() != here.state(name).place())
        {
            return Ok(());
        }
        for name in self.migration(&here, backend).run()? {
            let aside = store::free_name(&path(&name));
            std::fs::rename(path(&name), &aside).map_err(|error| {
                Diagnostic::error(
                    "The old state is still in the folder",
                    format!(
                        "It has been copied to {}, and could not be renamed to {}: {error}. Rename it, so that nobody \
                         takes it for the present one.",
                        backend.state(&name).place(),
                        aside.display()
                    ),
                )
            })?;
            (self.say)(&format!("What was in {} is now in {}.", path(&name).display(), aside.display()));
        }
        Ok(())
    }

    /// Asks for what is missing.
    fn completed(&self, mut settings: Settings) -> Settings {
        if !self.ask || !std::io::stdin().is_terminal() {
            return settings;
        }
        for (name, what) in settings.kind.required() {
            if settings.text(name).is_none() {
                output::raw(&format!("{name}\n  {what}\n\n  Enter a value: "));
                if let Some(answer) = read_answer().filter(|answer| !answer.is_empty()) {
                    settings.values.insert(Arc::from(*name), Value::string(answer));
                }
                output::line("");
            }
        }
        settings
    }

    fn record(&self, settings: &Settings, hash: u64, backend: &dyn Backend) -> Result<(), Diagnostics> {
        select_workspace(backend, self.ask)?;
        record::write(Some(&Record::new(settings, hash)))?;
        let name = settings.kind.name();
        let place = match settings.kind {
            Kind::Local => String::new(),
            Kind::S3 => format!(" The state is {}.", backend.state("default").place()),
        };
        (self.say)(&format!(
            "Successfully configured the backend \"{name}\"! infra uses it from now on, unless the backend block \
             changes.{place}"
        ));
        Ok(())
    }
}

/// The error about a backend that has changed where nobody said what to do about it.
fn changed(recorded: &Record, block: Option<&Declared>) -> Diagnostic {
    let what = match block {
        Some(block) if *block.ty == *recorded.kind => format!("The settings of the backend {:?}", recorded.kind),
        Some(block) => format!("The backend ({:?} so far, {:?} now)", recorded.kind, &*block.ty),
        None => format!("The backend ({:?} so far, none now)", recorded.kind),
    };
    let problem = Diagnostic::error(
        "Backend configuration changed",
        format!(
            "{what} changed since this folder was initialised.\n\nTo copy the states to where they belong now:\n    infra \
             init -migrate-state\nTo use what is there already, and copy nothing:\n    infra init -reconfigure"
        ),
    );
    problem.at(block.map(|block| block.decl_range.clone()))
}

/// Sees to it that the selected workspace is one that there is.
fn select_workspace(backend: &dyn Backend, ask: bool) -> Result<(), Diagnostic> {
    let names = backend.workspaces().map_err(|error| store::explain(&error))?;
    let selected = store::workspace();
    if names.contains(&selected) {
        return Ok(());
    }
    if let [only] = &names[..] {
        return store::select(only);
    }
    let list: String = names.iter().enumerate().map(|(i, name)| format!("\n  {}. {name}", i + 1)).collect();
    let missing = |more: &str| {
        Diagnostic::error(
            format!("Currently selected workspace {selected:?} does not exist"),
            format!("The backend has these:\n{list}\n\n{more}"),
        )
    };
    if !ask {
        return Err(missing("Select one of them: TF_WORKSPACE=NAME infra init"));
    }
    output::raw(&format!(
        "\nThe currently selected workspace ({selected}) does not exist. The backend has these:\n{list}\n\n  Enter a number: "
    ));
    let answer = read_answer().and_then(|answer| answer.parse::<usize>().ok());
    match answer.and_then(|number| names.get(number.checked_sub(1)?)) {
        Some(name) => store::select(name),
        None => Err(missing("Answer with one of the numbers, or select one: TF_WORKSPACE=NAME infra init")),
    }
}

/// A line from standard input; `None` at its end.
pub(super) fn read_answer() -> Option<String> {
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.ok().filter(|bytes| *bytes > 0).map(|_| answer.trim().to_string())
}
