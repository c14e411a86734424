# shellcheck shell=sh
# Begins a release: an empty directory that the journal calls "building".
# shellcheck disable=SC2154,SC2034
fenced
journal "$entry"
mkdir -p releases
mkdir "releases/$release"
dir=$deploy_to/releases/$release
