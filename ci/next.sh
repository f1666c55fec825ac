#!/bin/sh
# Carries what was merged on to the next environments. Called by the workflows
# with everything that is foreign in the environment, never in the text:
#
#   PROMOTE_DUE          `true`: every move that is allowed now
#   PROMOTE_APP PROMOTE_VERSION PROMOTE_ENVIRONMENT
#                        promote this instead
#   GIT_PROMOTE_TOKEN, or GIT_PROMOTE_APP_ID and GIT_PROMOTE_APP_KEY
set -eu

# The author of the commits, unless the repository names one.
git config user.name >/dev/null || git config user.name 'git-promote'
git config user.email >/dev/null || git config user.email 'git-promote@users.noreply.invalid'

if [ -n "${PROMOTE_APP:-}" ]; then
    set -- to "${PROMOTE_ENVIRONMENT:-}" --version "${PROMOTE_VERSION:-}" --app "$PROMOTE_APP" --pr
elif [ "${PROMOTE_DUE:-false}" = true ]; then
    set -- next --due
else
    set -- next
fi
code=0
said=$(git-promote "$@") || code=$?
printf '%s\n' "$said"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    { printf '```text\n'; printf '%s\n' "$said" | sed 's/```/` ` `/g'; printf '```\n'; } \
        >>"$GITHUB_STEP_SUMMARY"
fi
exit "$code"
