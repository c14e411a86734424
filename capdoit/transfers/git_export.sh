# shellcheck shell=sh
# Write the files of the commit into the release. A host whose mirror lacks the commit fetches again: another host may
# have fetched a moment later.
# Needs: die fetch_commit fetch_refs find_commit mirror_git prepare_git remove_tree replace_mirror
# Given: host_umask release_dir repo_tree repo_url revision
# Sets: revision_time

require_commit() {
    find_commit "$revision" >/dev/null && return
    fetch_refs
    fetch_commit "$revision" >/dev/null || die "$repo_url has no commit $revision, as this host sees it"
}

# Write the files. A pipeline returns the status of tar, so git archive reports on another file descriptor that it
# succeeded.
write_files() {
    strip=0
    set --
    if [ -n "$repo_tree" ]; then
        set -- "$repo_tree"
        rest=$repo_tree/
        while [ -n "$rest" ]; do
            rest=${rest#*/}
            strip=$((strip + 1))
        done
    fi
    archived=$({ { mirror_git --literal-pathspecs archive "$revision" -- "$@" && echo yes >&3; } | (cd "$release_dir" && tar -xf - ${host_umask:+--no-same-permissions} --strip-components="$strip") >&2; } 3>&1) &&
        [ "$archived" = yes ]
}

# Check whether git can read all files of the commit from the mirror.
is_readable() {
    mirror_git archive "$revision" >/dev/null 2>&1
}

prepare_git
require_commit
if [ -n "$repo_tree" ] && [ "$(mirror_git cat-file -t "$revision:$repo_tree" 2>/dev/null)" != tree ] && is_readable; then
    die "$repo_tree is not a directory of $revision"
fi
if ! write_files; then
    ! is_readable || die "git archive of $revision failed"
    replace_mirror
    require_commit
    remove_tree "$release_dir"
    mkdir "$release_dir"
    write_files || die "git archive of $revision failed"
fi
revision_time=$(mirror_git log -1 --format=%ct "$revision")
