#!/bin/bash
# Real, unmodified applications in a real browser whose cookies are blocked, through the proxy: `npm run acceptance:apps
# [-- APP,APP …]`. Needs the acceptance harness beside this checkout (or in ACCEPTANCE_APPS), root for its Debian packages,
# and an hour for all of them. Prints its table at the end.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
harness=${ACCEPTANCE_APPS:-$root/../shared/acceptance/apps}
[ -f "$harness/run.mjs" ] || { echo "no acceptance harness in $harness" >&2; exit 1; }
apps=${1:-open}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$harness/." "$work"
chmod -R u+w "$work"
cd "$work"
[ -n "${SKIP_INSTALL:-}" ] || bash ./install.sh "${apps//,/ }"
[ -d node_modules ] || npm install --no-audit --no-fund
PROXY_CMD="node --import $root/node_modules/tsx/dist/esm/index.mjs $root/test/acceptance/proxy.ts" \
  node run.mjs "$apps" "${@:2}"
