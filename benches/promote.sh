#!/usr/bin/env bash
# How long `git promote` takes beside `git commit` of the same change, and
# `git promote status` beside `git grep`, in generated repositories.
#
#   benches/promote.sh [APPS...]        default: 100 1000 10000
#
#   RUNS=30      measured rounds; each runs every command once
#   COMMITS=1000 commits of history, each of another app
#   KEEP=DIR     keep the repositories there, and use those that are there
#   PROGRAM=DIR  use the git-promote in this directory, build none
#
# Needs git, cargo and bash 5. Syncs are off on both sides.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(100 1000 10000)
runs=${RUNS:-30} commits=${COMMITS:-1000}

for tool in git awk paste; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
if [ -z "${PROGRAM:-}" ]; then
    cargo build --release --quiet --manifest-path "$here/Cargo.toml"
    PROGRAM=${CARGO_TARGET_DIR:-$here/target}/release
fi
PATH=$PROGRAM:$PATH

# Nothing of the machine's settings, no syncs, no work in the background.
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Bench GIT_AUTHOR_EMAIL=bench@example.org
export GIT_COMMITTER_NAME=Bench GIT_COMMITTER_EMAIL=bench@example.org

work=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

# A stream for git fast-import: N apps, six files each, in three environments
# at v1; then the history; then app-17 at v2 in dev.
stream() {
    awk -v apps="$1" -v commits="$2" '
    function file(path, text) {
        printf "M 100644 inline %s\ndata %d\n%s\n", path, length(text), text
    }
    function overlay(app, env, tag) {
        file("apps/" app "/overlays/" env "/kustomization.yaml", \
             "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" \
             "namespace: " env "\nresources:\n- ../../base\nimages:\n" \
             "# pinned by promotion\n- name: registry.example/acme/" app "\n  newTag: " tag "\n")
    }
    function start(number, message) {
        printf "commit refs/heads/main\nmark :%d\n", number
        printf "committer Bench <bench@example.org> %d +0000\n", 1700000000 + number * 60
        printf "data %d\n%s\n", length(message), message
        if (number > 1) printf "from :%d\n", number - 1
    }
    BEGIN {
        start(1, "Start")
        file("promote.toml", "version = 1\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n" \
             "[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"staging\"\n" \
             "[[environment]]\nname = \"prod\"\n")
        for (n = 1; n <= apps; n++) {
            app = "app-" n
            file("apps/" app "/README.md", "# " app "\n\nDeployed by the platform team.\n")
            file("apps/" app "/base/kustomization.yaml", "resources:\n- deployment.yaml\n")
            file("apps/" app "/base/deployment.yaml", \
                 "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " app "\nspec:\n" \
                 "  replicas: 2\n  selector:\n    matchLabels: {app: " app "}\n  template:\n" \
                 "    metadata:\n      labels: {app: " app "}\n    spec:\n      containers:\n" \
                 "      - name: " app "\n        image: registry.example/acme/" app "\n" \
                 "        ports:\n        - containerPort: 8080\n")
            overlay(app, "dev", "v1"); overlay(app, "staging", "v1"); overlay(app, "prod", "v1")
        }
        for (n = 2; n <= commits; n++) {
            app = n % apps + 1
            if (app == 17) app = 18
            start(n, "Deploy app-" app)
            overlay("app-" app, "dev", "v1.0." n)
        }
        start(commits + 1, "Deploy app-17 v2 to dev")
        overlay("app-17", "dev", "v2")
    }'
}

make() {
    local repo=$1
    git init -q -b main "$repo"
    stream "$2" "$commits" | git -C "$repo" fast-import --quiet
    git -C "$repo" config core.fsync none
    git -C "$repo" config gc.auto 0
    git -C "$repo" config maintenance.auto false
    # As a server packs it: the newest trees are the bases of the older ones.
    git -C "$repo" repack -adfq
    git -C "$repo" reset -q --hard main
    git -C "$repo" branch start
}

# Runs a command in the repository as it was at the start, and notes its time in µs.
timed() {
    local name=$1 start end
    shift
    $reset
    if [ "$name" = commit ]; then sed -i 's/newTag: v1/newTag: v2/' "$path"; fi
    start=${EPOCHREALTIME/./}
    "$@" >/dev/null 2>&1
    end=${EPOCHREALTIME/./}
    echo "$((end - start))" >>"$times/$name"
}

middle() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

# The medians of both, the least of both, and the median of the ratios of runs
# that came one after the other.
compare() {
    local ratio
    ratio=$(paste "$times/$1" "$times/$2" | awk '{ print $1 / $2 }' | middle)
    awk -v name="$1" -v base="$2" -v ratio="$ratio" \
        -v a="$(middle <"$times/$1")" -v b="$(middle <"$times/$2")" \
        -v c="$(sort -n "$times/$1" | head -1)" -v d="$(sort -n "$times/$2" | head -1)" 'BEGIN {
        printf "  %-12s %7.1f ms (least %7.1f)  %5.2f of %s: %.1f ms (least %.1f)\n", \
            name, a / 1000, c / 1000, ratio, base, b / 1000, d / 1000
    }'
}

measure() {
    local apps=$1 repo=$work/$1-$commits run
    times=$work/times-$1
    path=apps/app-17/overlays/staging/kustomization.yaml
    reset='git reset -q --hard start'
    [ -d "$repo" ] || make "$repo" "$apps"
    cd "$repo"
    # The first round only warms up.
    for ((run = 0; run <= runs; run++)); do
        if [ "$run" -le 1 ]; then rm -rf "$times" && mkdir "$times"; fi
        timed app@version git promote app-17@v2 staging
        timed version git promote v2 staging
        timed dry-run git promote app-17@v2 staging --dry-run
        timed commit git commit -q -m x -- "$path"
        timed status git promote status
        timed grep git grep newTag HEAD
    done
    $reset
    echo "$apps apps, $((apps * 6 + 1)) files, $((commits + 1)) commits"
    compare app@version commit
    compare version commit
    compare dry-run commit
    compare status grep
}

for apps in "${sizes[@]}"; do measure "$apps"; done
