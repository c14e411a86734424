# shellcheck shell=sh
# Complete a release: write its revision, and link the files and directories that releases share.
# Needs: die
# Given: deploy_to linked_dirs linked_files release_dir revision revision_time

# Refuse a path that a symlink puts outside of the release: mkdir, ln and rm would follow the symlink.
require_inside_release() {
    existing=$1
    while [ ! -e "$existing" ] && [ ! -L "$existing" ]; do
        existing=${existing%/*}
    done
    case $(cd "$existing" && pwd -P)/ in
        "$(cd "$release_dir" && pwd -P)"/*) ;;
        *) die "$1 is outside of the release; linked paths cannot go through a symlink" ;;
    esac
}

link_to_shared() {
    parent=$release_dir/$1
    parent=${parent%/*}
    require_inside_release "$parent"
    mkdir -p "$parent"
    if [ -L "$release_dir/$1" ] || [ -e "$release_dir/$1" ]; then
        rm -rf "${release_dir:?}/$1"
    fi
    ln -s "$deploy_to/shared/$1" "$release_dir/$1"
}

eval "set -- $linked_files $linked_dirs"
for path; do
    link_to_shared "$path"
done
rm -rf "$release_dir/REVISION" "$release_dir/REVISION_TIME" # the code may contain symlinks with these names
printf '%s\n' "$revision" >"$release_dir/REVISION"
if [ -n "$revision_time" ]; then
    printf '%s\n' "$revision_time" >"$release_dir/REVISION_TIME"
fi
