//! Which CI system a run is in, as far as its environment tells.

use crate::record::Ci;

impl Ci {
    /// The CI system that an environment is of; `None` outside of CI. `env` gives a variable's value.
    pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> Option<Ci> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let first = |names: &[&str]| names.iter().find_map(|name| env(name));
        let system = |name: &str| name.to_string();
        if env("GITHUB_ACTIONS").is_some() || (env("GITHUB_RUN_ID").is_some() && env("GITHUB_ACTOR").is_some()) {
            let run = env("GITHUB_RUN_ID");
            let url = match (env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), &run) {
                (Some(server), Some(repository), Some(run)) => {
                    Some(format!("{server}/{repository}/actions/runs/{run}"))
                }
                _ => None,
            };
            return Some(Ci {
                system: system("GitHub Actions"),
                // Who started this attempt; a re-run has another one than the run.
                actor: first(&["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"]),
                run,
                url,
                commit: env("GITHUB_SHA"),
                branch: first(&["GITHUB_HEAD_REF", "GITHUB_REF_NAME"]),
            });
        }
        if env("GITLAB_CI").is_some() {
            return Some(Ci {
                system: system("GitLab CI"),
                actor: env("GITLAB_USER_LOGIN"),
                run: first(&["CI_PIPELINE_ID", "CI_JOB_ID"]),
                url: first(&["CI_PIPELINE_URL", "CI_JOB_URL"]),
                commit: env("CI_COMMIT_SHA"),
                branch: env("CI_COMMIT_REF_NAME"),
            });
        }
        if env("BUILDKITE").is_some() {
            return Some(Ci {
                system: system("Buildkite"),
                actor: first(&[
                    "BUILDKITE_UNBLOCKER_EMAIL",
                    "BUILDKITE_BUILD_CREATOR_EMAIL",
                    "BUILDKITE_BUILD_CREATOR",
                ]),
                run: first(&["BUILDKITE_BUILD_NUMBER", "BUILDKITE_BUILD_ID"]),
                url: env("BUILDKITE_BUILD_URL"),
                commit: env("BUILDKITE_COMMIT"),
                branch: env("BUILDKITE_BRANCH"),
            });
        }
        if env("CIRCLECI").is_some() {
            return Some(Ci {
                system: system("CircleCI"),
                actor: env("CIRCLE_USERNAME"),
                run: first(&["CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_NUM"]),
                url: env("CIRCLE_BUILD_URL"),
                commit: env("CIRCLE_SHA1"),
                branch: first(&["CIRCLE_BRANCH", "CIRCLE_TAG"]),
            });
        }
        if env("JENKINS_URL").is_some() {
            return Some(Ci {
                system: system("Jenkins"),
                actor: first(&["BUILD_USER_ID", "BUILD_USER", "CHANGE_AUTHOR"]),
                run: first(&["BUILD_TAG", "BUILD_NUMBER"]),
                url: env("BUILD_URL"),
                commit: env("GIT_COMMIT"),
                branch: first(&["CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"]),
            });
        }
        env("CI")
            .filter(|ci| !matches!(ci.as_str(), "false" | "0"))
            .map(|_| Ci { system: system("CI"), ..Ci::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Option<Ci> {
        Ci::detect(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string()))
    }

    #[test]
    fn a_run_is_named_by_what_each_system_puts_into_the_environment() {
        let github = detect(&[
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_ACTOR", "ana"),
            ("GITHUB_RUN_ID", "77"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_SERVER_URL", "https://github.example"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_HEAD_REF", ""),
        ]);
        let expected = Ci {
            system: "GitHub Actions".into(),
            actor: Some("ana".into()),
            run: Some("77".into()),
            url: Some("https://github.example/o/r/actions/runs/77".into()),
            commit: Some("abc".into()),
            branch: Some("main".into()),
        };
        assert_eq!(github, Some(expected));
        let systems = [
            ("GITLAB_CI", "GITLAB_USER_LOGIN", "GitLab CI"),
            ("BUILDKITE", "BUILDKITE_BUILD_CREATOR", "Buildkite"),
            ("CIRCLECI", "CIRCLE_USERNAME", "CircleCI"),
            ("JENKINS_URL", "BUILD_USER_ID", "Jenkins"),
        ];
        for (sign, actor, name) in systems {
            let ci = detect(&[("CI", "true"), (sign, "true"), (actor, "bo")]).unwrap_or_default();
            assert_eq!((ci.system.as_str(), ci.actor.as_deref()), (name, Some("bo")));
        }
        assert_eq!(detect(&[("CI", "true")]).map(|ci| ci.system), Some("CI".into()));
        assert_eq!(detect(&[("CI", "false")]), None);
        assert_eq!(detect(&[]), None);
    }
}
