#!/usr/bin/env bash
# Rebuilds the committed modules in place, as far as their toolchains are installed; the others stay as they are.
set -euo pipefail
cd "$(dirname "$0")"

no_toolchain=3

# build SCRIPT FOLDER… says once what cannot be built here.
build() {
	local script=$1 status=0
	shift
	"./$script" --how >/dev/null || status=$?
	[ $status = 0 ] || { echo "not rebuilt: $*"; [ $status = $no_toolchain ]; return; }
	for name in "$@"; do "./$script" "$name" "$name/$name.wasm"; done
}

rust=(*/Cargo.toml) c=(*/*.c)
build build-rust.sh $(printf '%s\n' "${rust[@]%/*}" | sort -u)
build build-c.sh $(printf '%s\n' "${c[@]%/*}" | sort -u)
