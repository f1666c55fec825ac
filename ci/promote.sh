#!/bin/sh
# Does what a job asks for in the words of gitops-promotion.
#
#   PROMOTE_ACTION   new, promote, status, feature or feature-stale
#   PROMOTE_GROUP    the group of the app, for new and feature
#   PROMOTE_APP      the app
#   PROMOTE_TAG      the version
#   PROMOTE_FEATURE  the name of the feature
#   PROMOTE_MAX_AGE  for feature-stale; 7d
#   PROMOTE_CONTEXT  for status, the commit statuses that count; */{group}-{env}
#   PROMOTE_PROGRAM  the program; git-promote
# The token for the forge stands in GIT_PROMOTE_TOKEN.
set -eu

program=${PROMOTE_PROGRAM:-git-promote}
action=${PROMOTE_ACTION:-}
app=${PROMOTE_APP:-}
tag=${PROMOTE_TAG:-}
if [ -n "${PROMOTE_GROUP:-}" ]; then app=${PROMOTE_GROUP}:$app; fi

context=${PROMOTE_CONTEXT:-}
if [ -z "$context" ]; then context='*/{group}-{env}'; fi

# The author of the commits, unless the repository names one.
git config user.name >/dev/null || git config user.name 'git-promote'
git config user.email >/dev/null || git config user.email 'git-promote@users.noreply.invalid'

need() {
    if [ -z "$2" ]; then
        echo "error: the action \`$action\` needs \`$1\`" >&2
        exit 2
    fi
}

case $action in
    new)
        need app "${PROMOTE_APP:-}"
        need tag "$tag"
        # The first environment that the config names.
        first=$("$program" config show -q </dev/null | sed -n 's/^name = "\(.*\)"$/\1/p' | head -n 1)
        need 'an environment in the config' "$first"
        exec "$program" to "$first" --version "$app@$tag" --pr </dev/null
        ;;
    promote)
        exec "$program" next </dev/null
        ;;
    status)
        sh "$(dirname "$0")/check.sh"
        exec "$program" wait --context "$context" </dev/null
        ;;
    feature)
        need app "${PROMOTE_APP:-}"
        need tag "$tag"
        need feature "${PROMOTE_FEATURE:-}"
        exec "$program" preview create --pr -- "${PROMOTE_FEATURE:-}" "$app@$tag" </dev/null
        ;;
    feature-stale)
        exec "$program" preview prune --max-age "${PROMOTE_MAX_AGE:-7d}" --pr </dev/null
        ;;
    *)
        echo "error: there is no action \`$action\`: new, promote, status, feature, feature-stale" >&2
        exit 2
        ;;
esac
