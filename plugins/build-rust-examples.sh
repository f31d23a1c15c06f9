#!/usr/bin/env bash
# Builds the examples of a release of Rust's SDK, unmodified, from its package on crates.io:
#   plugins/build-rust-examples.sh VERSION FOLDER
# FOLDER has the Cargo.lock to build with; each example becomes FOLDER/EXAMPLE.wasm.
set -euo pipefail

version=$1 folder=$(realpath "$2")
cd "$(dirname "$0")"

# cargo vendor unpacks a package with all that is in it.
fetch=target/sdk/fetch-$version sdk=target/sdk/proxy-wasm-$version
rm -rf "$fetch" "$sdk" && mkdir -p "$fetch/src" && touch "$fetch/src/lib.rs"
printf '[package]\nname = "fetch"\nversion = "0.0.0"\n[workspace]\n[dependencies]\nproxy-wasm = "=%s"\n' "$version" >"$fetch/Cargo.toml"
(cd "$fetch" && cargo vendor --quiet >/dev/null)
mv "$fetch/vendor/proxy-wasm" "$sdk"
cp "$folder/Cargo.lock" "$sdk/"

# As all plugins are built, so that the standard library is not built once more.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_STRIP=true
for source in "$sdk"/examples/*.rs; do
	example=$(basename "$source" .rs)
	./build-rust.sh "$sdk" "$folder/$example.wasm" "$example"
done
