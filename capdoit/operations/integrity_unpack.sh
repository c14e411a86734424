# shellcheck shell=sh
# Unpack an archived release, with its modes, into .capdoit/, where it is verified before it becomes visible.
# Needs: clear_scratch die enter_deploy_to require_lock
# Given: deploy_to release
# Sets: release_dir
enter_deploy_to
require_lock
clear_scratch .capdoit/unpack
mkdir .capdoit/unpack
tar -xzpf "rolled-back-release-$release.tar.gz" -C .capdoit/unpack
release_dir=.capdoit/unpack$deploy_to/releases/$release
[ -f "$release_dir/REVISION" ] ||
    die "rolled-back-release-$release.tar.gz does not contain $deploy_to/releases/$release"
