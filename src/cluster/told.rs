//! What an object of a cluster tells of the version that it runs: images,
//! commits, versions of a chart.

use serde_json::{Map, Value};

use super::rollout::text;

/// The images of its containers, as it wants them.
pub(super) fn images(object: &Value) -> Vec<String> {
    let lists = ["containers", "initContainers"];
    let pointers = lists.iter().map(|list| format!("/spec/template/spec/{list}"));
    let found = pointers.filter_map(|pointer| object.pointer(&pointer)?.as_array().cloned());
    found.flatten().map(|one| text(&one, "/image").to_owned()).filter(|i| !i.is_empty()).collect()
}

/// The images that Argo CD sees running.
pub(super) fn running(object: &Value) -> Vec<String> {
    strings(object, "/status/summary/images")
}

fn strings(object: &Value, pointer: &str) -> Vec<String> {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where Flux and Argo CD say what they made an object from. Of an artifact that
/// was built from a commit, Flux tells the commit beside the artifact.
const REVISIONS: [&str; 5] = [
    "/status/lastAppliedOriginRevision",
    "/status/lastAppliedRevision",
    "/status/history/0/chartVersion",
    "/status/sync/revision",
    "/spec/chart/spec/version",
];

/// The full ids of commits among what it was made from, and the rest: versions
/// of charts. Ids look like `main@sha1:d4e5f6...` in Flux, and bare in Argo CD.
pub(super) fn revisions(object: &Value) -> (Vec<String>, Vec<String>) {
    let one = REVISIONS.iter().map(|pointer| text(object, pointer).to_owned());
    let said = one.chain(strings(object, "/status/sync/revisions"));
    let (mut commits, mut versions) = (Vec::new(), Vec::new());
    for said in said.filter(|said| !said.is_empty()) {
        let id = said.rsplit([':', '/', '@']).next().unwrap_or(&said);
        let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Of a chart from a registry Flux adds the digest: `1.2.3+d4e5f6...`.
        let (list, text) = if is_id {
            (&mut commits, id.to_owned())
        } else {
            (&mut versions, said.split('+').next().unwrap_or(&said).to_owned())
        };
        if !list.contains(&text) {
            list.push(text);
        }
    }
    (commits, versions)
}

/// What the values of a release name.
#[derive(Default)]
pub(super) struct Values {
    /// Images: where a `repository` and a `tag` stand beside one another.
    pub(super) images: Vec<String>,
    /// The tag that stands without a repository, where it is the only one.
    pub(super) lone_tag: Option<String>,
}

/// Reads the values of a `HelmRelease`.
pub(super) fn values(object: &Value) -> Values {
    let (mut images, mut tags) = (Vec::new(), Vec::new());
    let mut open: Vec<&Value> = object.pointer("/spec/values").into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                match image(map) {
                    Some(Named::Image(image)) => images.push(image),
                    Some(Named::Tag(tag)) => tags.push(tag),
                    None => {}
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    let lone_tag = if tags.len() == 1 { tags.pop() } else { None };
    Values { images, lone_tag }
}

enum Named {
    Image(String),
    Tag(String),
}

fn image(map: &Map<String, Value>) -> Option<Named> {
    let of = |key: &str| map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (tag, digest) = (of("tag"), of("digest"));
    let Some(repository) = of("repository") else { return Some(Named::Tag(tag?.to_owned())) };
    if tag.is_none() && digest.is_none() {
        return None;
    }
    let mut image =
        of("registry").map_or_else(|| repository.to_owned(), |host| format!("{host}/{repository}"));
    image.extend(tag.map(|tag| format!(":{tag}")));
    image.extend(digest.map(|digest| format!("@{digest}")));
    Some(Named::Image(image))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::rollout;

    const SHA: &str = "d4e5f6a7b8c9d4e5f6a7b8c9d4e5f6a7b8c9d4e5";

    #[test]
    fn commits_are_told_from_versions() {
        let of = |said: &str| {
            let found = rollout(&json!({ "status": { "lastAppliedRevision": said } }));
            (found.revisions, found.versions)
        };
        for said in [SHA.to_owned(), format!("main@sha1:{SHA}"), format!("main/{SHA}")] {
            assert_eq!(of(&said), (vec![SHA.to_owned()], vec![]), "{said}");
        }
        assert_eq!(of(""), (vec![], vec![]));
        for other in ["1.2.3", "main", "sha256:abc"] {
            assert_eq!(of(other), (vec![], vec![other.to_owned()]), "{other}");
        }
        assert_eq!(of("1.2.3+0123abcd").1, ["1.2.3"]);
    }

    #[test]
    fn argo_cd_tells_commits_of_several_sources_and_what_runs() {
        let one = rollout(&json!({ "status": { "sync": { "revision": SHA } } }));
        assert_eq!(one.revisions, [SHA]);
        let several = rollout(&json!({ "status": {
            "sync": { "revisions": ["1.2.3", SHA] }, "summary": { "images": ["b:2", "a:1"] },
        } }));
        assert_eq!((several.revisions, several.versions), (vec![SHA.into()], vec!["1.2.3".into()]));
        assert_eq!((several.images, several.running), (vec![], vec!["b:2".into(), "a:1".into()]));
    }

    #[test]
    fn flux_tells_the_commit_that_an_artifact_was_built_from() {
        let found = rollout(&json!({ "status": {
            "lastAppliedRevision": format!("latest@sha256:{}", "0".repeat(64)),
            "lastAppliedOriginRevision": format!("main@sha1:{SHA}"),
        } }));
        assert_eq!(found.revisions.first().map(String::as_str), Some(SHA));
    }

    #[test]
    fn images_of_containers_and_of_values_are_read() {
        let pods = json!({ "spec": { "template": { "spec": {
            "initContainers": [{ "image": "a:1" }], "containers": [{ "image": "b:2" }, {}],
        } } } });
        assert_eq!(rollout(&pods).images, ["b:2", "a:1"]);
        let release = |values: serde_json::Value| {
            let found = rollout(&json!({ "spec": { "values": values } }));
            (found.images, found.versions)
        };
        let named = json!({ "web": { "image": { "repository": "acme/web", "tag": "v1" } } });
        assert_eq!(release(named), (vec!["acme/web:v1".to_owned()], vec![]));
        let parts = json!([{ "registry": "r.example", "repository": "web", "digest": "sha256:0" }]);
        assert_eq!(release(parts), (vec!["r.example/web@sha256:0".to_owned()], vec![]));
        assert_eq!(release(json!({ "image": { "tag": "v1" } })), (vec![], vec!["v1".to_owned()]));
        // Of two, nothing says which is meant.
        let two = json!({ "a": { "tag": "v1" }, "b": { "tag": "v2" } });
        assert_eq!(release(two), (vec![], vec![]));
        assert_eq!(release(json!({ "a": { "repository": "x" } })), (vec![], vec![]));
    }
}
