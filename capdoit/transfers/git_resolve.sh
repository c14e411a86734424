# shellcheck shell=sh
# Print the commit of the branch in the repository now, without fetching; nothing if the repository has no such branch.
# A commit given by its sha counts as existing if the mirror has it, or if the sha is complete.
# Needs: is_commit_prefix prepare_git
# Given: branch deploy_to repo_url
prepare_git
refs=$(git ls-remote -- "$repo_url" "refs/heads/$branch" "refs/tags/$branch" "refs/tags/$branch^{}" HEAD) || exit
for name in "refs/heads/$branch" "refs/tags/$branch^{}" "refs/tags/$branch" "$branch"; do
    case $name in
        refs/* | HEAD) ;;
        *) continue ;;
    esac
    found=$(printf '%s\n' "$refs" | while read -r sha ref; do
        if [ "$ref" = "$name" ]; then echo "$sha"; fi
    done)
    if [ -n "$found" ]; then
        printf '%s\n' "$found"
        exit 0
    fi
done
if is_commit_prefix "$branch"; then
    if [ -d "$deploy_to/repo" ] && git -C "$deploy_to/repo" rev-parse --quiet --verify "$branch^{commit}"; then
        exit 0
    fi
    [ "${#branch}" != 40 ] || printf '%s\n' "$branch"
fi
