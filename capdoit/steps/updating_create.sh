# shellcheck shell=sh
# Begin a release: create its empty directory. The journal says first that this flow is building it, so that a release
# of this name that another program made is never taken for the one of this flow.
# Needs: append_to_journal die enter_deploy_to require_lock
# Given: deploy_to entry release
# Sets: release_dir
enter_deploy_to
require_lock
[ ! -e "releases/$release" ] || die "releases/$release is there already, and not made by this flow"
append_to_journal "$entry"
mkdir -p releases
mkdir "releases/$release"
release_dir=$deploy_to/releases/$release
