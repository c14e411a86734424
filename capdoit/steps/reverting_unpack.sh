# shellcheck shell=sh
# Unpacks an archived release apart, with the modes that it had, to be looked at first.
# shellcheck disable=SC2154,SC2034
fenced
rm -rf .capdoit/unpack
mkdir .capdoit/unpack
tar -xzpf "rolled-back-release-$release.tar.gz" -C .capdoit/unpack
dir=.capdoit/unpack$deploy_to/releases/$release
[ -f "$dir/REVISION" ] ||
    die "rolled-back-release-$release.tar.gz does not hold $deploy_to/releases/$release"
