//! Signs, colours and the small pieces of text that stand everywhere in a plan.

use crate::difference::diff::Sign;

/// ANSI colours, or none of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pen {
    pub(super) colour: bool,
}

/// A colour.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ink {
    Red,
    Green,
    Yellow,
    Cyan,
    Grey,
    Bold,
}

impl Pen {
    /// A text in a colour.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        if !self.colour {
            return text.to_string();
        }
        let code = match ink {
            Ink::Red => "31",
            Ink::Green => "32",
            Ink::Yellow => "33",
            Ink::Cyan => "36",
            Ink::Grey => "90",
            Ink::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A sign, three columns wide.
    pub(super) fn sign(self, sign: Sign) -> String {
        match sign {
            Sign::Same => "   ".into(),
            Sign::Create => format!("  {}", self.paint(Ink::Green, "+")),
            Sign::Update => format!("  {}", self.paint(Ink::Yellow, "~")),
            Sign::Delete => format!("  {}", self.paint(Ink::Red, "-")),
        }
    }

    /// The arrow from old to new.
    pub(super) fn arrow(self) -> String {
        self.paint(Ink::Yellow, "->")
    }
}

/// Where the signs of lines stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Signs {
    /// In a column of their own before the name.
    #[default]
    Beside,
    /// At the beginning of the line, as in a patch: `!` for what changes.
    First,
    /// Nowhere: nothing changes.
    Nowhere,
}

/// How a part is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    pub(super) pen: Pen,
    /// What does not change is shown too.
    pub(super) show_unchanged: bool,
    /// `-> null` does not follow what goes away.
    pub(super) plain_removal: bool,
    /// The part forces a replacement, whatever it says of itself.
    pub(super) replaces: bool,
    /// Where signs stand.
    pub(super) signs: Signs,
}

impl Style {
    /// The beginning of a line: the indent of its level, its sign, and a space.
    pub(super) fn start(&self, level: usize, sign: Sign) -> String {
        let indent = "    ".repeat(level);
        match self.signs {
            Signs::Beside => format!("{indent}{} ", self.pen.sign(sign)),
            Signs::Nowhere => indent,
            Signs::First => {
                let sign = match sign {
                    Sign::Same => ' ',
                    Sign::Create => '+',
                    Sign::Update => '!',
                    Sign::Delete => '-',
                };
                format!("{sign} {indent}")
            }
        }
    }

    /// What follows a value that goes away.
    pub(super) fn removal(&self, sign: Sign) -> String {
        match sign == Sign::Delete && !self.plain_removal {
            true => self.pen.paint(Ink::Grey, " -> null"),
            false => String::new(),
        }
    }

    /// What follows a value that forces a replacement.
    pub(super) fn replacement(&self, replace: bool) -> String {
        match replace || self.replaces {
            true => self.pen.paint(Ink::Red, " # forces replacement"),
            false => String::new(),
        }
    }

    /// The count of parts that are not shown.
    pub(super) fn hidden(&self, what: &str, count: usize) -> String {
        let ending = if count == 1 { "" } else { "s" };
        self.pen.paint(Ink::Grey, &format!("# ({count} unchanged {what}{ending} hidden)"))
    }

    pub(super) fn showing_unchanged(self) -> Style {
        Style { show_unchanged: true, ..self }
    }
    pub(super) fn without_removal(self) -> Style {
        Style { plain_removal: true, ..self }
    }
    pub(super) fn replacing(self, replaces: bool) -> Style {
        Style { replaces, ..self }
    }
}
