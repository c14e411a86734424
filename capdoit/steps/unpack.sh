# shellcheck shell=sh
# Brings an archived release back, apart first, so that it appears whole or not at all.
# shellcheck disable=SC2154
fenced
rm -rf .capdoit/unpack
mkdir .capdoit/unpack
tar -xzf "rolled-back-release-$release.tar.gz" -C .capdoit/unpack
[ -f ".capdoit/unpack$deploy_to/releases/$release/REVISION" ] ||
    die "rolled-back-release-$release.tar.gz does not hold $deploy_to/releases/$release"
mv ".capdoit/unpack$deploy_to/releases/$release" "releases/$release"
rm -rf .capdoit/unpack
TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
cat "releases/$release/REVISION"
