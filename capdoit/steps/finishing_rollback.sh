# shellcheck shell=sh
# Archive the release that was live before the rollback, and remove it. As in Capistrano, the name of a member of the
# archive is its absolute path without the first slash. The archive, and then its name, are on the disk before the release
# is removed.
# Needs: delete_removed die enter_deploy_to explain_error has_mount_point remove_release renew_manifest report_unremoved
# Needs: require_lock set_private_umask touch_manifest write_to_disk
# Given: deploy_to hooks_ran previous
write_archive() {
    set_private_umask
    LC_ALL=C tar -czf .capdoit/archive.tar.gz -C / "${deploy_to#/}/releases/$previous" && write_to_disk
}

enter_deploy_to
require_lock
if [ -n "$hooks_ran" ]; then renew_manifest; fi
if [ ! -d "releases/$previous" ]; then exit 0; fi
if has_mount_point "releases/$previous"; then
    report_unremoved "releases/$previous"
else
    messages=$(write_archive 2>&1) || {
        rm -f .capdoit/archive.tar.gz # it may have filled the disk
        die "releases/$previous was not removed, because its archive could not be written: $(explain_error "$messages")"
    }
    [ -z "$messages" ] || printf '%s\n' "$messages" >&2
    mv .capdoit/archive.tar.gz "rolled-back-release-$previous.tar.gz"
    write_to_disk
    remove_release "$previous"
    delete_removed
    touch_manifest
fi
