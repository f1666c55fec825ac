//! What looks like an image, and how kustomize takes a reference apart.

/// The parts of a reference as `image.Split` of kustomize 5.5 gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts<'t> {
    pub(super) name: &'t str,
    pub(super) tag: &'t str,
    pub(super) digest: &'t str,
}

pub(super) fn split(reference: &str) -> Parts<'_> {
    let slash = reference.find('/').filter(|index| *index > 0).unwrap_or(0);
    let (head, search) = reference.split_at(slash);
    let at = search.find('@');
    let colon = search.find(':');
    let whole = |end: usize| reference.get(..head.len() + end).unwrap_or_default();
    match (colon, at) {
        (None, None) => Parts { name: reference, tag: "", digest: "" },
        (None, Some(at)) => Parts { name: whole(at), tag: "", digest: after(search, at) },
        (Some(colon), Some(at)) if at < colon => {
            Parts { name: whole(at), tag: "", digest: after(search, at) }
        }
        (Some(colon), Some(at)) => Parts {
            name: whole(colon),
            tag: search.get(colon + 1..at).unwrap_or_default(),
            digest: after(search, at),
        },
        (Some(colon), None) => Parts { name: whole(colon), tag: after(search, colon), digest: "" },
    }
}

fn after(text: &str, index: usize) -> &str {
    text.get(index + 1..).unwrap_or_default()
}

/// The parts of a text that look like an image: a registry's host, a path and
/// a tag, or anything with `@sha256:`.
pub(super) fn images_in(text: &str) -> Vec<&str> {
    let promising = text.contains("@sha256:") || text.contains('/') && text.contains(':');
    if !promising {
        return Vec::new();
    }
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "._/:@+-".contains(c)))
        .map(without_scheme)
        .map(|token| token.trim_matches(['.', ':', '/', '-', '@']))
        .filter(|token| is_image(token))
        .collect()
}

/// Whether a text holds what looks like an image.
pub(super) fn is_image_like(text: &str) -> bool {
    !images_in(text).is_empty()
}

/// `oci://host/path:tag` names an image, `https://host/path:tag` does not.
fn without_scheme(token: &str) -> &str {
    match token.split_once("://") {
        Some((scheme, rest)) if scheme.ends_with("docker") || scheme.ends_with("oci") => rest,
        Some(_) if !token.contains("@sha256:") => "",
        _ => token,
    }
}

fn is_image(token: &str) -> bool {
    if token.contains("@sha256:") {
        return true;
    }
    let Some((host, rest)) = token.split_once('/') else { return false };
    let Some((path, tag)) = rest.rsplit_once(':') else { return false };
    let registry = host.contains(['.', ':']) || host == "localhost";
    let tagged = tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !tag.contains(['/', '@', '+']);
    registry && !host.starts_with(['.', ':']) && !path.is_empty() && tagged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_split_as_in_kustomize() {
        let parts = |name, tag, digest| Parts { name, tag, digest };
        assert_eq!(split("web"), parts("web", "", ""));
        assert_eq!(split("r:5000/web"), parts("r:5000/web", "", ""));
        assert_eq!(split("r:5000/web:v1"), parts("r:5000/web", "v1", ""));
        assert_eq!(split("web:v1@sha256:a"), parts("web", "v1", "sha256:a"));
        assert_eq!(split("web@sha256:a"), parts("web", "", "sha256:a"));
        assert_eq!(split("web:5000"), parts("web", "5000", ""));
    }

    #[test]
    fn images_are_found_in_texts() {
        assert_eq!(images_in("--image=ghcr.io/a/b:v1,x"), ["ghcr.io/a/b:v1"]);
        assert_eq!(images_in("a@sha256:00"), ["a@sha256:00"]);
        assert_eq!(images_in("oci://ghcr.io/a/b:v1"), ["ghcr.io/a/b:v1"]);
        for text in ["https://a.b/c:d", "web:v1", "a/b:c", "10.0.0.1:80", "a.b/c", "x: a.b/c"] {
            assert!(images_in(text).is_empty(), "{text}");
        }
    }
}
