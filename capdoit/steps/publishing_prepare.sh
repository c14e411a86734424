# shellcheck shell=sh
# Publish the release, first phase: do everything that can fail, so that the second phase is one rename. What changed in
# the release is on the disk before it is live; a disk that fails stops no rollback.
# Needs: append_to_journal close_old_files create_manifest die enter_deploy_to forget_manifests prepare_current
# Needs: renew_manifest require_lock write_to_disk
# Given: deploy_to entry hooks_ran is_new linked_files release revision
enter_deploy_to
require_lock
if [ ! -d "releases/$release" ] || [ -L "releases/$release" ]; then
    die "releases/$release does not exist"
fi
[ "$(cat "releases/$release/REVISION" 2>/dev/null)" = "$revision" ] ||
    die "releases/$release does not have revision $revision"
if [ -e current ] && [ ! -L current ]; then
    die "$deploy_to/current is not a symlink; move it away"
fi
if [ -n "$is_new" ]; then
    eval "set -- $linked_files"
    for path; do
        [ -e "releases/$release/$path" ] || die "linked file $path does not exist in $deploy_to/shared"
    done
    # Capistrano's rollback sorts releases by time: their times must have the order of their names.
    TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
    forget_manifests
    create_manifest || die "the manifest of $release could not be written"
elif [ -n "$hooks_ran" ]; then
    renew_manifest
fi
prepare_current "$deploy_to/releases/$release"
close_old_files
append_to_journal "$entry" || die "the journal could not be written"
if [ -n "$is_new$hooks_ran" ]; then
    write_to_disk || [ -z "$is_new" ] || die "$release could not be written to the disk"
fi
