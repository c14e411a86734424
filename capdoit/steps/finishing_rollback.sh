# shellcheck shell=sh
# Keeps the release that was rolled back from as an archive, then removes it. Members are named as
# Capistrano names them: the whole path without its first slash.
# shellcheck disable=SC2154
fenced
if [ -n "$hooked" ]; then renew_manifest; fi
if [ -d "releases/$left" ]; then
    tar -czf .capdoit/archive.tar.gz -C / "${deploy_to#/}/releases/$left" || {
        rm -f .capdoit/archive.tar.gz # the disk may be full of it
        die "releases/$left could not be archived, and stays"
    }
    mv .capdoit/archive.tar.gz "rolled-back-release-$left.tar.gz"
    remove_release "$left"
    removed_beside
fi
