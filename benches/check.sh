#!/usr/bin/env bash
# How long `git promote check BASE..HEAD` takes beside `git diff --stat BASE HEAD`
# of the same change, in generated repositories.
#
#   benches/check.sh [APPS...]          default: 100 1000 10000
#
#   RUNS=30      measured runs of each command
#   COMMITS=1000 commits of history, each a deployment to dev
#   KEEP=DIR     keep the repositories there, and use those that are there
#   PROGRAM=DIR  use the git-promote in this directory, build none
#   CHANGES='promotion readme'  only these changes
#
# Needs git, cargo, hyperfine and awk. Each app has a base and three overlays.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(100 1000 10000)
runs=${RUNS:-30} commits=${COMMITS:-1000}
changes=${CHANGES:-promotion replicas readme base hundred}

. "$here/benches/start.sh"

# A stream for git fast-import: N apps, eight files each, everything at v1;
# then the history, in which dev gets other versions; then one branch a change,
# each a single commit on main.
stream() {
    awk -v apps="$1" -v commits="$2" '
    function file(path, text) {
        printf "M 100644 inline %s\ndata %d\n%s\n", path, length(text), text
    }
    function overlay(app, env, tag, replicas) {
        file("apps/" app "/overlays/" env "/kustomization.yaml", \
             "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" \
             "namespace: " env "\nresources:\n- ../../base\npatches:\n- path: replicas.yaml\n" \
             "images:\n# pinned by promotion\n- name: registry.example/acme/" app "\n  newTag: " tag "\n")
        file("apps/" app "/overlays/" env "/replicas.yaml", \
             "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " app "\nspec:\n  replicas: " \
             replicas "\n")
    }
    function deployment(app, port) {
        file("apps/" app "/base/deployment.yaml", \
             "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " app "\nspec:\n" \
             "  replicas: 2\n  selector:\n    matchLabels: {app: " app "}\n  template:\n" \
             "    metadata:\n      labels: {app: " app "}\n    spec:\n      containers:\n" \
             "      - name: " app "\n        image: registry.example/acme/" app "\n" \
             "        ports:\n        - containerPort: " port "\n")
    }
    function start(ref, mark, from, message) {
        printf "commit refs/heads/%s\nmark :%d\n", ref, mark
        printf "committer Bench <bench@example.org> %d +0000\n", 1700000000 + mark * 60
        printf "data %d\n%s\n", length(message), message
        if (from) printf "from :%d\n", from
    }
    BEGIN {
        start("main", 1, 0, "Start")
        file("README.md", "# Deployments\n")
        file("promote.toml", "version = 1\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n" \
             "[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"staging\"\n" \
             "[[environment]]\nname = \"prod\"\n")
        for (n = 1; n <= apps; n++) {
            app = "app-" n
            file("apps/" app "/base/kustomization.yaml", "resources:\n- deployment.yaml\n")
            deployment(app, 8080)
            overlay(app, "dev", n <= 100 ? "v2" : "v1", 1)
            overlay(app, "staging", "v1", 2)
            overlay(app, "prod", "v1", 3)
        }
        for (n = 2; n <= commits; n++) {
            app = n % apps + 1
            if (app == 17) app = 18
            start("main", n, n - 1, "Deploy app-" app)
            overlay("app-" app, "dev", app <= 100 ? "v2" : "v1", n)
        }
        start("promotion", commits + 1, commits, "Promote app-17 v2 to staging")
        overlay("app-17", "staging", "v2", 2)
        start("replicas", commits + 2, commits, "Scale app-17 in prod")
        overlay("app-17", "prod", "v1", 4)
        start("readme", commits + 3, commits, "Describe it")
        file("README.md", "# Deployments\n\nOf everything.\n")
        start("base", commits + 4, commits, "Another port for app-17")
        deployment("app-17", 8081)
        start("hundred", commits + 5, commits, "Promote a hundred apps to staging")
        for (n = 1; n <= 100; n++) overlay("app-" n, "staging", "v2", 2)
    }'
}

# As a clone has it: packed, the newest trees the bases of the older ones, with
# a commit-graph.
make() {
    git init -q --bare -b main "$1.new"
    stream "$2" "$commits" | git -C "$1.new" fast-import --quiet
    git -C "$1.new" repack -adfq
    git -C "$1.new" commit-graph write --reachable
    mv "$1.new" "$1"
}

# The medians and the least of both, and what lies between the medians.
line() {
    awk -F, -v name="$1" 'FNR > 1 { median[FNR] = $4 * 1000; least[FNR] = $7 * 1000 } END {
        printf "  %-10s check %7.1f ms (least %7.1f)   git diff --stat %6.1f ms (least %6.1f)   %+8.1f ms\n", \
            name, median[2], least[2], median[3], least[3], median[2] - median[3]
    }' "$2"
}

for apps in "${sizes[@]}"; do
    repo=$work/check-$apps-$commits.git
    [ -d "$repo" ] || make "$repo" "$apps"
    cd "$repo"
    echo "$apps apps, $((apps * 8 + 2)) files, $commits commits"
    for change in $changes; do
        git promote check "main..$change" >/dev/null || { echo "$change is refused" >&2; exit 1; }
        hyperfine --shell=none --warmup 2 --runs "$runs" --export-csv "$work/times.csv" \
            "git promote check main..$change" "git diff --stat main $change" \
            >/dev/null 2>"$work/hyperfine.log" || { cat "$work/hyperfine.log" >&2; exit 1; }
        line "$change" "$work/times.csv"
    done
done
