# shellcheck shell=sh
# Check that a release could be live again: it exists, has its revision, and its symlinks into shared/ lead somewhere.
# Needs: die enter_deploy_to run_for_outward_links
# Given: deploy_to list_broken_links release revision
enter_deploy_to
release_dir=releases/$release
if [ ! -d "$release_dir" ] || [ -L "$release_dir" ]; then die "$release_dir is not there"; fi
[ "$(cat "$release_dir/REVISION" 2>/dev/null)" = "$revision" ] || die "$release_dir is not of revision $revision"
export deploy_to
broken=$(run_for_outward_links "$release_dir" "$list_broken_links" | head -n 20)
if [ -n "$broken" ]; then
    printf '%s\n' "$broken" >&2
    die "links of $release to what is shared lead nowhere"
fi
