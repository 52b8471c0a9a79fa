//! `infra version`: this version, and the level of Terraform and of the AWS provider that it stands for.

use infra_catalog::PROVIDER_VERSION;
use infra_state::TERRAFORM_VERSION;
use serde_json::json;

use crate::Exit;
use crate::args::Version;
use crate::output;

pub(crate) fn run(args: &Version) -> Exit {
    let own = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, std::env::consts::ARCH);
    if args.json {
        let json = json!({
            "infra_version": own,
            "terraform_version": TERRAFORM_VERSION,
            "platform": platform,
            "provider_selections": {"registry.terraform.io/hashicorp/aws": PROVIDER_VERSION},
            "terraform_outdated": false,
        });
        output::line(&format!("{json:#}"));
    } else {
        output::line(&format!(
            "infra v{own}\non {platform}\n+ language and state of Terraform v{TERRAFORM_VERSION}\n+ resource types of \
             registry.terraform.io/hashicorp/aws v{PROVIDER_VERSION}"
        ));
    }
    Exit(0)
}
