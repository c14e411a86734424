# shellcheck shell=sh
# Begins a release: an empty directory that the journal calls "building", so that what is half-made is known as this
# flow's, and not as somebody else's who came by the same name.
# shellcheck disable=SC2154,SC2034
fenced
[ ! -e "releases/$release" ] || die "releases/$release is there already, and not made by this flow"
journal "$entry"
mkdir -p releases
mkdir "releases/$release"
dir=$deploy_to/releases/$release
