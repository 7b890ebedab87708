#!/bin/sh
# Writes the hash-pinned locks anew from pyproject.toml; needs uv. No index addresses get into them.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url pyproject.toml "$@"; }
compile --extra build --output-file requirements.txt
compile --extra build --extra dev --extra postgres --output-file requirements-dev.txt
