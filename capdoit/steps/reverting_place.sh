# shellcheck shell=sh
# Move a release that was unpacked and verified into releases/.
# Needs: enter_deploy_to require_lock
# Given: deploy_to release
enter_deploy_to
require_lock
mv ".capdoit/unpack$deploy_to/releases/$release" "releases/$release"
rm -rf .capdoit/unpack
# From now on, hooks may change the release and its manifest, so that the archive no longer matches.
rm -f "rolled-back-release-$release.tar.gz"
TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
# Unpacking made the files of the release newer than the lock, as if hooks had changed them.
touch .capdoit/lock
