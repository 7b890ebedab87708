#!/bin/sh
# Makes .venv and installs what is locked: `setup.sh run` or `setup.sh develop`.
# uv is used where it is installed, else venv and pip. Does nothing when the lock has not changed.
set -eu
cd "$(dirname "$0")/.."

case "${1:-run}" in
run) lock=requirements.txt ;;
develop) lock=requirements-dev.txt ;;
*) echo "usage: scripts/setup.sh [run|develop]" >&2; exit 2 ;;
esac

# requirements-dev.txt holds all of requirements.txt, so a developer's set-up serves the demo too.
want=$(cat "$lock" pyproject.toml | cksum)
for stamp in .venv/installed-"$lock" .venv/installed-requirements-dev.txt; do
    base=${stamp#.venv/installed-}
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$base" pyproject.toml | cksum)" ] && [ -x .venv/bin/nurture ]; then
        exit 0
    fi
done

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
        python=$candidate
        break
    fi
done

if command -v uv >/dev/null 2>&1; then
    echo "Setting up .venv with uv ..."
    [ -x .venv/bin/python ] && new_enough .venv/bin/python || uv venv --quiet --clear --python "${python:-3.12}" .venv
    VIRTUAL_ENV=$PWD/.venv uv pip install --quiet --compile-bytecode --require-hashes --requirement "$lock"
    VIRTUAL_ENV=$PWD/.venv uv pip install --quiet --no-deps --no-build-isolation --editable .
else
    if [ -z "$python" ]; then
        echo "nurture needs Python 3.11 or newer, and none was found. Install it with:" >&2
        case "$(uname -s)" in
        Darwin) echo "    brew install python@3.13" >&2 ;;
        *) echo "    sudo apt-get install python3 python3-venv" >&2 ;;
        esac
        exit 2
    fi
    echo "Setting up .venv with $python and pip ..."
    if ! [ -x .venv/bin/pip ] || ! new_enough .venv/bin/python; then
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            echo "Python's venv module is missing. Install it with:" >&2
            echo "    sudo apt-get install python3-venv" >&2
            exit 2
        fi
        "$python" -m venv --clear .venv
    fi
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
fi
# Compiled once here: where PYTHONDONTWRITEBYTECODE is set, each start would compile everything anew.
.venv/bin/python -m compileall -q nurture
echo "$want" >.venv/installed-"$lock"
