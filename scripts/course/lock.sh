#!/bin/sh
# Writes constraints.txt: the newest releases that install together, resolved in a clean environment (make lock).
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ".[audit,onnx,release,site,test,web]"
{
    echo "# The versions that \`make\` installs, resolved together and tested. Made by \`make lock\` with"
    echo "# $("$folder/venv/bin/python" -c 'import platform as p; print("Python", p.python_version(), "on", p.system(), p.machine())'); not edited by hand."
    "$folder/venv/bin/pip" freeze --exclude lprnet_utils
} >"$folder/constraints.txt"
mv "$folder/constraints.txt" constraints.txt
