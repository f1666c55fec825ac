//! What is found in a file.

use promote::config::FieldSpec;
use promote::kustomize::{FileSites, NewEntry, add_image_entry, read_sites, refs};
use promote::model::{FileChange, RepoPath, Site, SiteKind};

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn path(text: &str) -> RepoPath {
    RepoPath::normalize(text).unwrap()
}

fn read(name: &str, text: &str) -> FileSites {
    read_sites(&path(name), text.as_bytes(), &[]).unwrap()
}

fn shown(site: &Site) -> String {
    let policy = site.policy.as_ref().map(|policy| format!(" by {policy}")).unwrap_or_default();
    let problem = site.problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
    let repository = site.repository.as_deref().unwrap_or("-");
    let (line, column) = (site.line, site.column);
    format!(
        "{line}:{column} {} {} {repository} {}{policy}{problem}",
        site.field, site.image, site.pin
    )
}

fn all(sites: &[Site]) -> Vec<String> {
    sites.iter().map(shown).collect()
}

#[test]
fn entries_of_a_kustomization() {
    let text = format!(
        "images:\n- name: web\n  newName: x/web\n  newTag: v1\n- name: api\n  digest: {DIGEST}\n- name: db\n- name: job\n  newTag: 1.10\n- name: cron\n  newTag: v1\n  NewTag: v2\n- &b {{name: base, newTag: v7}}\n- <<: *b\n  name: copy\n"
    );
    let found = read("kustomization.yaml", &text);
    assert_eq!(
        all(&found.sites),
        [
            "4:11 images[0].newTag web x/web v1".to_owned(),
            format!("6:11 images[1].digest api api {DIGEST}"),
            "7:9 images[2].newTag db db none".to_owned(),
            "9:11 images[3].newTag job job 1.10 (the tag `1.10` is a number here: it needs quotes)"
                .to_owned(),
            "12:11 images[4].NewTag cron cron v2 (a key of this entry is given twice)".to_owned(),
            "13:27 images[5].newTag base base v7".to_owned(),
            "15:9 images[6].newTag copy copy v7".to_owned(),
        ]
    );
    assert!(found.sites.iter().all(|site| site.kind == SiteKind::Kustomize));
    assert_eq!(all(&read("values.yaml", &text).sites), Vec::<String>::new());
}

#[test]
fn a_marker_on_an_entry_makes_no_second_site() {
    let text = "images:\n- name: web\n  newName: x/web # {\"$imagepolicy\": \"a:web:name\"}\n  newTag: v1 # {\"$imagepolicy\": \"a:web:tag\"}\n";
    let found = read("kustomization.yaml", text);
    assert_eq!(all(&found.sites), ["4:11 images[0].newTag web x/web v1 by a:web"]);
    assert_eq!(found.notes, []);
}

#[test]
fn markers_of_a_policy_in_one_mapping_are_one_site() {
    let text = format!(
        "image:\n  repository: x/web # {{\"$imagepolicy\": \"a:web:name\"}}\n  tag: v1 # {{\"$imagepolicy\": \"a:web:tag\"}}\n  digest: {DIGEST} # {{\"$imagepolicy\": \"a:web:digest\"}}\nother: x/api:v2@{DIGEST} # {{\"$imagepolicy\": \"a:api\"}}\ncontainers:\n- image: x/side:v3 # {{\"$imagepolicy\": \"a:side\"}}\n"
    );
    let found = read("release.yaml", &text);
    assert_eq!(
        all(&found.sites),
        [
            format!("3:8 image.tag a:web x/web v1@{DIGEST} by a:web"),
            format!("5:8 other a:api x/api v2@{DIGEST} by a:api"),
            "7:10 containers[0].image a:side x/side v3 by a:side".to_owned(),
        ]
    );
    assert!(found.sites.iter().all(|site| site.kind == SiteKind::Marker));
}

#[test]
fn a_marker_that_binds_to_nothing_is_named_with_the_reason() {
    let text = "# {\"$imagepolicy\": \"a:web\"}\nimage: x:1\nlist: [x:1] # {\"$imagepolicy\": \"a:web\"}\ntag: # {\"$imagepolicy\": \"a:web:tag\"}\nb: x:1 # {\"$imagepolicy\": \"a:web\",}\n# c: x:1 # {\"$imagepolicy\": \"a:web\"}\nd: &d x # {\"$imagepolicy\": \"web\"}\ne: *d # {\"$imagepolicy\": \"a:web\"}\nf: x # {\"$imagepolicy\": \"a:web:newest\"}\n";
    let notes = read("a.yaml", text).notes;
    let lines: Vec<u32> = notes.iter().map(|note| note.line).collect();
    assert_eq!(lines, [1, 3, 4, 5, 7, 8, 9]);
    let reasons: Vec<&str> =
        notes.iter().map(|note| note.message.split(": ").nth(1).unwrap()).collect();
    assert_eq!(reasons[0], "it stands above a key");
    assert_eq!(reasons[1], "there is something between the value and it");
    assert_eq!(reasons[2], "the value is empty");
    assert_eq!(reasons[5], "it stands at an alias");
}

#[test]
fn images_of_containers_and_patches() {
    let manifest = "kind: List\nitems:\n- spec:\n    initContainers: [{image: 'x/init:1'}]\n    containers:\n    - image: x/web:v1\n    - image: bad:-tag\n    - name: none\n";
    let found = read("deploy.yaml", manifest).sites;
    assert_eq!(found.len(), 3);
    assert_eq!(shown(&found[0]), "4:30 items[0].spec.initContainers[0].image x/init x/init 1");
    assert_eq!(shown(&found[1]), "6:14 items[0].spec.containers[0].image x/web x/web v1");
    assert!(found[2].problem.as_ref().unwrap().contains("not a valid tag"));
    let inline = "patches:\n- patch: |-\n    - op: replace\n      path: /spec/template/spec/containers/0/image\n      value: x/web:v1\n- path: p.yaml\npatchesStrategicMerge:\n- p.yaml\n- |\n  spec:\n    containers:\n      - image: \"x/api:v2\"\n";
    let found = read("kustomization.yaml", inline).sites;
    assert_eq!(
        all(&found),
        [
            "5:14 patches[0].patch[0].value x/web x/web v1",
            "12:16 patchesStrategicMerge[1].spec.containers[0].image x/api x/api v2",
        ]
    );
    assert!(found.iter().all(|site| site.kind == SiteKind::Patch));
    let operations =
        "[{\"op\": \"replace\", \"path\": \"/spec/containers/0/image\", \"value\": \"x/web:v1\"}]";
    assert_eq!(all(&read("p.json", operations).sites), ["1:65 [0].value x/web x/web v1"]);
}

#[test]
fn declared_fields() {
    let field = |path: &str, image| FieldSpec { path: path.to_owned(), image };
    let text = format!(
        "spec:\n  version: v1\n  images:\n  - name: web\n    newTag: v2\n    digest: {DIGEST}\n  kustomize:\n    images:\n    - web=x/web:v3\n    - x/api:v4\nimage:\n  tag: v5\n  digest: {DIGEST}\nbad: no tag\n"
    );
    let fields = [
        field("spec.version", false),
        field("spec.images[name=web].newTag", false),
        field("spec.kustomize.images[*]", true),
        field("image.tag", false),
        field("image.digest", false),
        field("bad", false),
        field("missing.one", false),
        field("a..b", false),
    ];
    let found = read_sites(&path("app.yaml"), text.as_bytes(), &fields).unwrap();
    assert_eq!(
        all(&found.sites)[..5],
        [
            "2:12 spec.version spec.version - v1".to_owned(),
            format!("5:13 spec.images[0].newTag spec.images[name=web].newTag web v2@{DIGEST}"),
            "9:7 spec.kustomize.images[0] web x/web v3".to_owned(),
            "10:7 spec.kustomize.images[1] x/api x/api v4".to_owned(),
            format!("12:8 image.tag image.tag - v5@{DIGEST}"),
        ]
    );
    assert!(found.sites[5].problem.is_some());
    assert_eq!(found.sites.len(), 6);
    assert_eq!(found.notes[0].message, "the field path `a..b` is not understood");
}

#[test]
fn files_without_a_hit_are_not_even_parsed() {
    assert_eq!(read("chart.yaml", "{{ not yaml }} : [").sites, []);
    assert!(read_sites(&path("a.yaml"), b"image: [containers", &[]).is_err());
}

#[test]
fn remote_resources() {
    let text = "resources:\n- https://git.test/a//b?ref=v1.0\n- ../x?ref=1\ncomponents: [\"git.test/c?timeout=1&ref=v2&x=y\"]\n";
    let found = refs(&path("kustomization.yaml"), text.as_bytes()).unwrap();
    let shown: Vec<String> = found
        .iter()
        .map(|site| format!("{}:{} {} {}", site.line, site.field, site.url, site.reference))
        .collect();
    assert_eq!(
        shown,
        [
            "2:resources[0] https://git.test/a//b v1.0",
            "3:resources[1] ../x 1",
            "4:components[0] git.test/c?timeout=1&x=y v2"
        ]
    );
    assert_eq!(refs(&path("a.yaml"), text.as_bytes()).unwrap(), []);
}

fn add(text: &str, new_name: Option<&str>, pin: &str) -> Result<FileChange, String> {
    let pin = pin.parse().unwrap();
    let entry = NewEntry { name: "web", new_name, pin: &pin };
    add_image_entry(&path("kustomization.yaml"), text.as_bytes(), &entry)
        .map_err(|error| error.to_string())
}

fn added(text: &str, new_name: Option<&str>, pin: &str) -> String {
    let change = add(text, new_name, pin).unwrap();
    assert_eq!(crate::edit_cases::spliced(&change), change.new);
    String::from_utf8(change.new).unwrap()
}

#[test]
fn a_missing_entry_is_added_in_the_style_of_the_others() {
    let cases = [
        (
            "images:\n  -   name: a\n      newTag: x # c\n\nnamespace: y\n",
            "images:\n  -   name: a\n      newTag: x # c\n  -   name: web\n      newTag: v1\n\nnamespace: y\n",
        ),
        ("images:\r\n- name: a", "images:\r\n- name: a\r\n- name: web\r\n  newTag: v1"),
        (
            "images: [{name: a, newTag: x}]\n",
            "images: [{name: a, newTag: x}, {name: web, newTag: v1}]\n",
        ),
        ("images: []\n", "images: [{name: web, newTag: v1}]\n"),
        (
            "{\"images\": [{\"name\": \"a\"}]}\n",
            "{\"images\": [{\"name\": \"a\"}, {\"name\": \"web\", \"newTag\": \"v1\"}]}\n",
        ),
        (
            "{\"namespace\": \"a\"}\n",
            "{\"namespace\": \"a\", \"images\": [{\"name\": \"web\", \"newTag\": \"v1\"}]}\n",
        ),
        (
            "# head\nresources:\n- a.yaml # last\n\n# tail\n",
            "# head\nresources:\n- a.yaml # last\nimages:\n- name: web\n  newTag: v1\n\n# tail\n",
        ),
        ("\u{feff}resources: []", "\u{feff}resources: []\nimages:\n- name: web\n  newTag: v1"),
        (
            "images:\n- name: a\n  newTag: |-\n    x\n---\nb: c\n",
            "images:\n- name: a\n  newTag: |-\n    x\n- name: web\n  newTag: v1\n---\nb: c\n",
        ),
    ];
    for (before, after) in cases {
        assert_eq!(added(before, None, "v1"), after);
    }
    let pair = added("images:\n- name: a\n", Some("x/web"), &format!("1.10@{DIGEST}"));
    let entry = format!("- name: web\n  newName: x/web\n  newTag: \"1.10\"\n  digest: {DIGEST}\n");
    assert_eq!(pair, format!("images:\n- name: a\n{entry}"));
}

#[test]
fn an_entry_is_not_added_twice_nor_to_another_file() {
    assert!(add("images:\n- name: web\n", None, "v1").unwrap_err().contains("already"));
    assert!(add("images: none\n", None, "v1").unwrap_err().contains("no list"));
    assert!(add("- a\n", None, "v1").unwrap_err().contains("kustomization"));
}
