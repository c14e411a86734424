# shellcheck shell=sh
# Move a release that was unpacked and verified into releases/.
# Needs: enter_deploy_to require_lock write_to_disk
# Given: deploy_to release
enter_deploy_to
require_lock
mv ".capdoit/unpack$deploy_to/releases/$release" "releases/$release"
rm -rf .capdoit/unpack
TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
# Unpacking made the files of the release newer than the lock, as if hooks had changed them.
touch .capdoit/lock
# From now on, hooks may change the release and its manifest, so that the archive no longer matches. On a disk that fails,
# it may be all that is left of the release.
if write_to_disk; then rm -f "rolled-back-release-$release.tar.gz"; fi
