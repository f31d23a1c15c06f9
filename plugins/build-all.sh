#!/usr/bin/env bash
# Rebuilds the committed modules in place, as far as their toolchains are installed; the others stay as they are.
set -euo pipefail
cd "$(dirname "$0")"

no_toolchain=3

# ready SCRIPT WHAT… says once what cannot be built here.
ready() {
	local status=0
	"./$1" --how >/dev/null || status=$?
	[ $status != 0 ] || return 0
	echo "not rebuilt: ${*:2}"
	[ $status = $no_toolchain ] || exit $status
	return 1
}

# build SCRIPT FOLDER…
build() {
	ready "$@" || return 0
	for name in "${@:2}"; do "./$1" "$name" "$name/$name.wasm"; done
}

rust=(*/Cargo.toml) c=(*/*.c) ts=(*/package.json)
build build-rust.sh $(printf '%s\n' "${rust[@]%/*}" | sort -u)
build build-c.sh $(printf '%s\n' "${c[@]%/*}" | sort -u)
build build-ts.sh $(printf '%s\n' "${ts[@]%/*}" | sort -u)

if ready build-wat.sh "the guests in WebAssembly text"; then
	for text in ../internal/*/testdata/*.wat; do ./build-wat.sh "$text" "${text%.wat}.wasm"; done
fi
if ready build-ts.sh "the guest that aborts"; then
	./build-ts.sh ../internal/conformance/testdata/abort-ts ../internal/conformance/testdata/abort-ts.wasm
fi
if ready build-rust.sh "the guest that reads headers"; then
	./build-rust.sh ../internal/conformance/testdata/read-headers ../internal/conformance/testdata/read-headers.wasm
fi
if ready build-rust.sh "the guest of the benchmarks"; then
	./build-rust.sh ../bench/guest ../bench/guest/guest.wasm
fi
if ready build-rust.sh "the examples of Rust's SDK"; then
	for folder in ../internal/conformance/testdata/sdk/rust-*; do ./build-rust-examples.sh "${folder##*rust-}" "$folder"; done
fi
