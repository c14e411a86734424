# shellcheck shell=sh
# Fills the release with the files of the commit. Another host's fetch may have been a moment later:
# who lacks the commit fetches once more.
# shellcheck disable=SC2154,SC2034
if ! git -C repo cat-file -e "$revision^{commit}" 2>/dev/null; then
    git -C repo fetch --quiet --prune origin >&2
fi
strip=0
set --
if [ -n "$repo_tree" ]; then
    [ "$(git -C repo cat-file -t "$revision:$repo_tree" 2>/dev/null)" = tree ] ||
        die "$repo_tree is no directory of $revision"
    set -- "$repo_tree"
    rest=$repo_tree/
    while [ -n "$rest" ]; do
        rest=${rest#*/}
        strip=$((strip + 1))
    done
fi
made=$({ { git -C repo --literal-pathspecs archive "$revision" -- "$@" && echo made >&3; } | (cd "$dir" && tar -xf - --strip-components="$strip") >&2; } 3>&1)
[ "$made" = made ] || die "git archive of $revision failed"
revision_time=$(git -C repo log -1 --format=%ct "$revision")
