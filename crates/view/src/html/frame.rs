//! The document around the content: its policy, its looks and its script.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::page::{Fact, visible};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Nothing is loaded, and of styles and scripts only those in the file count: whatever a value holds, it does nothing.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// A whole file.
pub(super) fn document(title: &str, facts: &[Fact], main: &Markup) -> String {
    let of = facts.iter().find(|fact| fact.label == "workspace").map(|fact| visible(&fact.value));
    let of = of.map_or_else(String::new, |workspace| format!(" · {workspace}"));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                link rel="icon" href="data:,";
                title { (visible(title)) (of) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    div.top {
                        p.kind { "infra" (of) }
                        button #theme type="button" hidden { "Dark" }
                    }
                    h1 { (visible(title)) }
                    @if !facts.is_empty() {
                        dl.facts {
                            @for fact in facts { div { dt { (fact.label) } dd { (visible(&fact.value)) } } }
                        }
                    }
                }
                main #main { (main) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_end_where_they_should_and_load_nothing() {
        for text in [STYLE, SCRIPT] {
            let lower = text.to_lowercase();
            for forbidden in ["</", "<!--", "@import", "url(", "http:", "https:", "fetch(", "innerhtml", "eval("] {
                assert!(!lower.contains(forbidden), "{forbidden}");
            }
        }
    }
}
