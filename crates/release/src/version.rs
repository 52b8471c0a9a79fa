//! What a version is called for people.

use infra_provider::fleet::Version;

/// The tags of the images where there are any (`1.9.0`), else `FAMILY:REVISION`.
pub fn short(version: &Version) -> String {
    let tags: Vec<&str> = version.images.iter().filter_map(|image| tag(image)).collect();
    let revision = || version.definition.rsplit('/').next().unwrap_or_default().to_string();
    match tags.first() {
        Some(first) if tags.len() == version.images.len() && tags.iter().all(|t| t == first) => (*first).to_string(),
        _ if version.definition.is_empty() && !version.images.is_empty() => version.images.join(", "),
        _ if version.definition.is_empty() => "(known after apply)".into(),
        _ => revision(),
    }
}

/// The tag of an image name; `None` for one with a digest or without a tag.
fn tag(image: &str) -> Option<&str> {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains('@') { None } else { name.split_once(':').map(|(_, tag)| tag) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(definition: &str, images: &[&str]) -> Version {
        Version { definition: definition.into(), images: images.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn a_version_is_called_by_its_image_tag_or_else_by_its_revision() {
        let arn = "arn:aws:ecs:eu-west-1:1:task-definition/api:42";
        assert_eq!(short(&version(arn, &["localhost:5000/api:1.9.0"])), "1.9.0");
        assert_eq!(short(&version(arn, &["api:1.9.0", "proxy:3"])), "api:42");
        assert_eq!(short(&version(arn, &["localhost:5000/api"])), "api:42");
        assert_eq!(short(&version(arn, &["api@sha256:abc"])), "api:42");
        assert_eq!(short(&version("", &[])), "(known after apply)");
    }
}
