//! The line of the console on a terminal: editing, history, expressions of several lines.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use infra_diag::Pos;
use infra_lang::syntax::lexer::{Reading, TokenKind, tokens};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, Helper};

use super::complete::Names;
use crate::output;

/// How many expressions are remembered.
const REMEMBERED: usize = 1000;

/// What somebody has entered.
pub(super) enum Asked {
    /// An expression.
    Expression(String),
    /// That it is enough.
    Exit,
}

/// A terminal that expressions are typed on.
pub(super) struct Terminal<'n> {
    editor: Editor<Typing<'n>, FileHistory>,
    history: Option<PathBuf>,
}

impl<'n> Terminal<'n> {
    /// With the names that are completed.
    pub fn open(names: Names<'n>, colour: bool) -> rustyline::Result<Terminal<'n>> {
        let config = Config::builder()
            .max_history_size(REMEMBERED)?
            .history_ignore_dups(true)?
            // As in a shell: what begins with a blank is not remembered.
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .color_mode(if colour { ColorMode::Enabled } else { ColorMode::Disabled })
            .build();
        let history = FileHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        editor.set_helper(Some(Typing { names }));
        let history = history_file();
        if let Some(path) = &history {
            // There may be none yet.
            let _ = editor.load_history(path);
        }
        Ok(Terminal { editor, history })
    }

    /// Waits for an expression.
    pub fn ask(&mut self) -> Asked {
        loop {
            match self.editor.readline("> ") {
                Ok(text) if text.trim() == "exit" => return Asked::Exit,
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => {
                    self.remember(&text);
                    let text = text.trim();
                    // The line that ends a heredoc has an end itself.
                    let end = if text.contains("<<") { "\n" } else { "" };
                    return Asked::Expression(format!("{text}{end}"));
                }
                // Ctrl-C gives up what was typed.
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Asked::Exit,
                Err(error) => {
                    output::error("The terminal cannot be read", &format!("{error}."));
                    return Asked::Exit;
                }
            }
        }
    }

    fn remember(&mut self, text: &str) {
        let added = self.editor.add_history_entry(text).unwrap_or(false);
        if let (true, Some(path)) = (added, &self.history)
            && let Err(error) = self.editor.append_history(path)
        {
            output::line(&format!("The history is not kept in {}: {error}.", path.display()));
            self.history = None;
        }
    }
}

/// Where the history is kept, in a folder of the user that only they can look into: `$XDG_STATE_HOME/infra`, which is
/// `~/.local/state/infra` if nothing else is said. `None` where there is no such place.
fn history_file() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let states = set("XDG_STATE_HOME").filter(|p| p.is_absolute());
    let folder = states.or_else(|| Some(set("HOME")?.join(".local/state")))?.join("infra");
    make_private(&folder).ok()?;
    Some(folder.join("console_history"))
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What the editor asks while something is typed.
struct Typing<'n> {
    names: Names<'n>,
}

impl Helper for Typing<'_> {}
impl Highlighter for Typing<'_> {}
impl Hinter for Typing<'_> {
    type Hint = String;
}

impl Completer for Typing<'_> {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.names.complete(&line[..pos]))
    }
}

impl Validator for Typing<'_> {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let complete = is_complete(context.input());
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Whether nothing is open at the end of a text that could be closed on another line. Whatever else is wrong with it is
/// told when it is evaluated.
fn is_complete(text: &str) -> bool {
    let mut open = Vec::new();
    for token in tokens(&format!("{text}\n"), Pos::default(), Reading::Expression) {
        use TokenKind::*;
        match token.kind {
            OpenBrace | OpenBracket | OpenParen | OpenQuote | OpenHeredoc | Interpolation | Directive => {
                open.push(token.kind);
            }
            CloseBrace | CloseBracket | CloseParen | CloseQuote | CloseHeredoc | TemplateEnd => drop(open.pop()),
            // A quoted text ends on its line.
            QuotedNewline => return true,
            _ => {}
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn an_expression_goes_on_while_something_is_open() {
        for open in ["[", "[1,", "{", "max(1,\n2", "<<EOT", "<<EOT\nx", "<<-EOT\n ${[", "\"${", "[for x in y :", "(1 +"]
        {
            assert!(!is_complete(open), "{open}");
        }
        let whole = [
            "1",
            "",
            "[1]",
            "]",
            "\"a",
            "\"(\"",
            "<<EOT\nx\nEOT",
            "\"${[\n1]}\"",
            "1 + # (",
            "local.x[0]",
            "a)",
            "1 +",
        ];
        for complete in whole {
            assert!(is_complete(complete), "{complete}");
        }
    }
}
