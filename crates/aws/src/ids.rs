//! Unique names: a prefix, and what the token of the creation ends names with.

use infra_provider::Token;
pub(crate) use infra_provider::prefix_of;

/// What names begin with that nobody gave a prefix.
pub(crate) const DEFAULT_PREFIX: &str = "terraform-";

/// The prefix, and what no name has ended with before.
pub(crate) fn unique(prefix: &str) -> String {
    made(prefix, &Token::default())
}

/// The prefix, and what the token ends names with.
pub(crate) fn made(prefix: &str, token: &Token) -> String {
    format!("{prefix}{}", token.suffix())
}

/// The name of an object: the one given, or one made from the prefix given or the default prefix.
pub(crate) fn name(name: &str, prefix: &str, token: &Token) -> String {
    name_or(DEFAULT_PREFIX, name, prefix, token)
}

/// The same with another default prefix.
pub(crate) fn name_or(default: &str, name: &str, prefix: &str, token: &Token) -> String {
    match (name, prefix) {
        ("", "") => made(default, token),
        ("", prefix) => made(prefix, token),
        (name, _) => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_name_tells_its_prefix() {
        assert_eq!(prefix_of(&unique("web-")), "web-");
        assert_eq!(prefix_of(&name("", "", &Token::unique())), DEFAULT_PREFIX);
        assert_eq!(prefix_of("web"), "");
        assert_eq!(prefix_of("a-name-that-is-long-enough-to-hold-one"), "");
    }

    #[test]
    fn the_same_token_makes_the_same_name() {
        let token = Token::unique();
        assert_eq!(name("", "web-", &token), name("", "web-", &token));
        assert_eq!(name("web", "", &token), "web");
    }
}
