# shellcheck shell=sh
# The release that was unpacked apart, and looked at, appears among the others.
# shellcheck disable=SC2154
fenced
mv ".capdoit/unpack$deploy_to/releases/$release" "releases/$release"
rm -rf .capdoit/unpack
rm -f "rolled-back-release-$release.tar.gz" # its hooks may change the release now, and the manifest with it
TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
touch .capdoit/lock # the files of the release are as new as its unpacking, and no hook made them so
