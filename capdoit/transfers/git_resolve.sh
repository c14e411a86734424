# shellcheck shell=sh
# Which commit the branch is in the repository now, asked without fetching; nothing when it is not known. A
# commit that is named by its sha is taken for there when the mirror has it, or when all of it is said.
# shellcheck disable=SC2154
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
if may_be_sha "$branch"; then
    if [ -d "$deploy_to/repo" ] && git -C "$deploy_to/repo" rev-parse --quiet --verify "$branch^{commit}"; then
        exit 0
    fi
    [ "${#branch}" != 40 ] || printf '%s\n' "$branch"
fi
