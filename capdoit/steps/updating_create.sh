# shellcheck shell=sh
# Begin a release: create its empty directory. The journal first gets an entry that this flow builds the release, so
# that a directory with this name that another program created is never mistaken for the release of this flow.
# Needs: append_to_journal die enter_deploy_to require_lock
# Given: deploy_to entry release
# Sets: release_dir
enter_deploy_to
require_lock
[ ! -e "releases/$release" ] || die "releases/$release exists already, and this flow did not create it"
append_to_journal "$entry"
mkdir -p releases
mkdir "releases/$release"
release_dir=$deploy_to/releases/$release
