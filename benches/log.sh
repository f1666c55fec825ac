#!/usr/bin/env bash
# How long `git promote log prod` takes beside
# `git log --first-parent --format=%H -- PATHS` over the same overlays, in
# generated repositories whose commits carry audit records, and do not.
#
#   benches/log.sh [APPS...]            default: 1000
#
#   RUNS=10       measured runs of each command
#   COMMITS=50000 commits of history: each moves one app in one environment
#   KEEP=DIR      keep the repositories there, and use those that are there
#   PROGRAM=DIR   use the git-promote in this directory, build none
#   GRAPH=no      without a commit-graph
#
# Needs git, cargo, hyperfine and awk.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
sizes=("$@")
[ ${#sizes[@]} -gt 0 ] || sizes=(1000)
runs=${RUNS:-10} commits=${COMMITS:-50000} graph=${GRAPH:-yes}

. "$here/benches/start.sh"

# A stream for git fast-import: N apps with three overlays at v1; then commits
# that take the apps through dev, staging and prod in turn, version by version.
stream() {
    awk -v apps="$1" -v commits="$2" -v records="$3" '
    function file(path, text) {
        printf "M 100644 inline %s\ndata %d\n%s\n", path, length(text), text
    }
    function overlay(app, env, tag) {
        file("apps/" app "/overlays/" env "/kustomization.yaml", \
             "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n" \
             "namespace: " env "\nresources:\n- ../../base\nimages:\n# pinned by promotion\n" \
             "- name: registry.example/acme/" app "\n  newTag: " tag "\n")
    }
    function start(mark, from, message) {
        printf "commit refs/heads/main\nmark :%d\n", mark
        printf "committer Bench <bench@example.org> %d +0000\n", 1600000000 + mark * 60
        printf "data %d\n%s\n", length(message), message
        if (from) printf "from :%d\n", from
    }
    BEGIN {
        split("dev staging prod", envs, " ")
        start(1, 0, "Start")
        file("README.md", "# Deployments\n")
        file("promote.toml", "version = 1\n[layout]\npaths = [\"apps/{app}/overlays/{env}\"]\n" \
             "[[environment]]\nname = \"dev\"\n[[environment]]\nname = \"staging\"\n" \
             "[[environment]]\nname = \"prod\"\n")
        for (n = 1; n <= apps; n++) {
            file("apps/app-" n "/base/kustomization.yaml", "resources:\n- deployment.yaml\n")
            for (e = 1; e <= 3; e++) overlay("app-" n, envs[e], "v1.0.0")
        }
        for (n = 2; n <= commits; n++) {
            move = int((n - 2) / 3)
            app = "app-" (move % apps + 1)
            env = envs[(n - 2) % 3 + 1]
            round = int(move / apps)
            old = "v1." round ".0"
            tag = "v1." (round + 1) ".0"
            message = "Promote " app " " tag " to " env "\n\n" app "  " env "  " old " -> " tag "\n"
            if (records) {
                message = message "\nPromote-To: " env "\nPromote-App: " app " " old " -> " tag \
                    "\nPromote-Gate: GP001 pass; GP003 pass; GP004 pass; GP005 pass\n" \
                    "Promote-Id: 00000000000000000000000000000000\n"
            }
            start(n, n - 1, message)
            overlay(app, env, tag)
        }
    }'
}

make() {
    git init -q --bare -b main "$1.new"
    stream "$2" "$commits" "$3" | git -C "$1.new" fast-import --quiet --depth=50
    git -C "$1.new" repack -adq
    [ "$graph" = no ] || git -C "$1.new" commit-graph write --reachable
    mv "$1.new" "$1"
}

# The median of the first command of a file, in milliseconds.
median() {
    awk -F, 'FNR == 2 { printf "%.1f", $4 * 1000 }' "$1"
}

measure() {
    hyperfine --shell=none --warmup 1 --runs "$runs" --export-csv "$work/times.csv" "$@" \
        >/dev/null 2>"$work/hyperfine.log" || { cat "$work/hyperfine.log" >&2; exit 1; }
    median "$work/times.csv"
}

for apps in "${sizes[@]}"; do
    for records in 1 0; do
        repo=$work/log-$apps-$commits-$records-$graph.git
        [ -d "$repo" ] || make "$repo" "$apps" "$records"
        cd "$repo"
        kept=$(git rev-parse --git-common-dir)/promote/history
        [ "$records" = 1 ] && what="with records" || what="without records"
        paths=(':(glob)apps/*/overlays/prod/**')
        theirs=$(measure "git log --first-parent --format=%H -- ${paths[*]}")
        cold=$(measure --prepare "rm -rf $kept" "git promote log prod --format %H")
        warm=$(measure "git promote log prod --format %H")
        table=$(measure "git promote log prod")
        awk -v apps="$apps" -v commits="$commits" -v what="$what" -v theirs="$theirs" \
            -v cold="$cold" -v warm="$warm" -v table="$table" 'BEGIN {
            printf "%d apps, %d commits %s: git log %.0f ms, first %.0f ms (%.2f), again %.0f ms (%.3f), as a table %.0f ms\n", \
                apps, commits, what, theirs, cold, cold / theirs, warm, warm / theirs, table }'
    done
done
