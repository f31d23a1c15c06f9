#!/usr/bin/env bash
# Builds the TypeScript plugin in plugins/NAME and writes the module to FILE:  plugins/build-ts.sh NAME FILE
#
# The compiler (AssemblyScript) and the SDK come from npm, in the versions of the plugin's package-lock.json.
# `plugins/build-ts.sh --how` says which Node.js there is; exit status 3 means none.
set -euo pipefail

folder=$(cd "$(dirname "$0")" && pwd)
oldest_node=18

how() {
	command -v npm >/dev/null && command -v node >/dev/null ||
		{ echo "npm is missing: install Node.js $oldest_node or newer (on Debian, apt-get install nodejs npm)" >&2; return 3; }
	node -e "process.exit(parseInt(process.versions.node) < $oldest_node ? 1 : 0)" ||
		{ echo "Node.js $(node --version) is too old: AssemblyScript needs $oldest_node or newer" >&2; return 3; }
	echo "node $(node --version)"
}

node=$(how) || exit
[ "${1:-}" != --how ] || { echo "$node"; exit; }

name=$1 file=$(realpath -m "$2")
cd "$folder/$name"
# npm keeps what it has installed in this file; the lock is newer when there is something else to install.
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error >&2
mkdir -p "$(dirname "$file")"
node node_modules/assemblyscript/bin/asc.js assembly/index.ts --config asconfig.json --outFile "$file"
