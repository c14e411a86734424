# shellcheck shell=sh
# Check that a release could be live again: it exists, has its revision, and its symlinks to shared/ have targets.
# Needs: die enter_deploy_to run_for_outward_links
# Given: deploy_to list_broken_links release revision
enter_deploy_to
release_dir=releases/$release
if [ ! -d "$release_dir" ] || [ -L "$release_dir" ]; then die "$release_dir does not exist"; fi
[ "$(cat "$release_dir/REVISION" 2>/dev/null)" = "$revision" ] || die "$release_dir does not have revision $revision"
export deploy_to
broken=$(run_for_outward_links "$release_dir" "$list_broken_links" | head -n 20)
if [ -n "$broken" ]; then
    printf '%s\n' "$broken" >&2
    die "symlinks of $release to shared/ have no target"
fi
