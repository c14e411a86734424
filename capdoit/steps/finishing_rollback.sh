# shellcheck shell=sh
# Archive the release that was live before the rollback, and remove it. As in Capistrano, the name of a member of the
# archive is its absolute path without the first slash.
# Needs: die enter_deploy_to remove_release renew_manifest require_lock touch_manifest
# Given: deploy_to hooks_ran previous
enter_deploy_to
require_lock
if [ -n "$hooks_ran" ]; then renew_manifest; fi
if [ -d "releases/$previous" ]; then
    tar -czf .capdoit/archive.tar.gz -C / "${deploy_to#/}/releases/$previous" || {
        rm -f .capdoit/archive.tar.gz # it may have filled the disk
        die "releases/$previous could not be archived, so it was not removed"
    }
    mv .capdoit/archive.tar.gz "rolled-back-release-$previous.tar.gz"
    remove_release "$previous"
    touch_manifest
fi
