# shellcheck shell=sh
# Write the files of the commit into the release. A host whose mirror lacks the commit fetches again: another host may
# have fetched a moment later.
# Needs: die prepare_git
# Given: release_dir repo_tree revision
# Sets: revision_time
prepare_git
if ! git -C repo cat-file -e "$revision^{commit}" 2>/dev/null; then
    git -C repo fetch --quiet --prune origin >&2
fi
strip=0
set --
if [ -n "$repo_tree" ]; then
    [ "$(git -C repo cat-file -t "$revision:$repo_tree" 2>/dev/null)" = tree ] ||
        die "$repo_tree is not a directory of $revision"
    set -- "$repo_tree"
    rest=$repo_tree/
    while [ -n "$rest" ]; do
        rest=${rest#*/}
        strip=$((strip + 1))
    done
fi
# A pipeline returns the status of tar, so git archive reports on another file descriptor that it succeeded.
archived=$({ { git -C repo --literal-pathspecs archive "$revision" -- "$@" && echo yes >&3; } | (cd "$release_dir" && tar -xf - --strip-components="$strip") >&2; } 3>&1)
[ "$archived" = yes ] || die "git archive of $revision failed"
revision_time=$(git -C repo log -1 --format=%ct "$revision")
