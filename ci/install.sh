#!/bin/sh
# Makes git-promote available to the next steps of a job: the one that is on
# the PATH, else one built from the sources around this script.
#
#   install.sh        finds or builds it
#   install.sh key    prints a name for what would be built, for a cache
#
# PROMOTE_BIN is the directory for the program; its default lies in the
# temporary directory of the runner.
set -eu

# cargo takes settings from the directory that it is called in and from those
# above. That must not be the checkout that is judged.
cd "$(dirname "$0")/.."

if [ "${1:-}" = key ]; then
    # shellcheck disable=SC2312 # a key that is wrong costs a build
    sum=$(find Cargo.lock Cargo.toml src -type f | LC_ALL=C sort | xargs cat | cksum)
    printf 'key=%s-%s\n' "$(rustc --version | tr -c 'a-z0-9.\n' '-')" "$(echo "$sum" | tr ' ' '-')"
    exit 0
fi

if command -v git-promote >/dev/null 2>&1; then
    echo "git-promote is $(command -v git-promote)"
    exit 0
fi
temporary=${RUNNER_TEMP:-${AGENT_TEMPDIRECTORY:-${TMPDIR:-/tmp}}}
bin=${PROMOTE_BIN:-$temporary/git-promote/bin}
if [ ! -x "$bin/git-promote" ]; then
    if ! command -v cargo >/dev/null 2>&1; then
        echo 'error: neither git-promote nor cargo, which would build it, is on the PATH' >&2
        exit 127
    fi
    # A build that is thrown away: what is slow to link is not worth it.
    CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR="${bin%/bin}/target" \
        cargo install --quiet --path . --locked --bin git-promote --root "${bin%/bin}" --no-track
fi
if [ -n "${GITHUB_PATH:-}" ]; then
    printf '%s\n' "$bin" >>"$GITHUB_PATH"
elif [ -n "${TF_BUILD:-}" ]; then
    echo "##vso[task.prependpath]$bin"
fi
echo "git-promote is $bin/git-promote"
