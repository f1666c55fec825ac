//! What a `gitops-promotion.yaml` says of the previews of an app.

use super::Name;
use crate::model::AppId;
use crate::yaml::{NodeId, Stream};

/// How previews of an app are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Feature {
    /// Whether the version is set in place (`featureOverwrite`).
    pub overwrite: bool,
    /// The labels of the app's objects (`featureLabelSelector`).
    pub selector: Vec<(String, String)>,
}

/// What the file says of an app; nothing where it does not name it.
pub fn feature(bytes: &[u8], app: &AppId) -> Feature {
    read(bytes, app).unwrap_or_default()
}

fn read(bytes: &[u8], app: &AppId) -> Option<Feature> {
    let stream = Stream::parse(bytes).ok()?;
    let get = |from: NodeId, key: &str| stream.get(from, key);
    let groups = get(*stream.documents().first()?, "groups")?;
    let group = get(groups, app.group.as_deref()?)?;
    let own = get(get(group, "applications")?, &app.name)?;
    let text = |id| stream.value(id).map(str::to_owned);
    let labels = get(own, "featureLabelSelector").map(|map| stream.pairs(map));
    let pairs = labels.unwrap_or_default().iter();
    Some(Feature {
        overwrite: get(own, "featureOverwrite").and_then(text).as_deref() == Some("true"),
        selector: pairs.filter_map(|pair| Some((text(pair.key)?, text(pair.value)?))).collect(),
    })
}

/// The branch of a request that changes a preview.
pub fn branch(name: &Name) -> String {
    format!("promote/preview/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_found_by_its_group() {
        let text = b"groups:\n  shop:\n    applications:\n      web:\n        featureOverwrite: true\n        \
                     featureLabelSelector: {app: web}\n";
        let app = AppId { group: Some("shop".to_owned()), ..AppId::named("web") };
        let found = feature(text, &app);
        assert!(found.overwrite);
        assert_eq!(found.selector, [("app".to_owned(), "web".to_owned())]);
        assert_eq!(feature(text, &AppId::named("web")), Feature::default());
        assert_eq!(feature(b"[", &app), Feature::default());
    }
}
