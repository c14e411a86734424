# shellcheck shell=sh
# Brings the host's mirror of the repository up to date and says what the branch is there. A new mirror
# is made apart, so that one cut short is never taken for whole.
# shellcheck disable=SC2154
fenced
if [ -f repo/HEAD ]; then
    git -C repo remote set-url origin "$repo_url"
    git -C repo fetch --quiet --prune origin >&2
else
    rmdir repo 2>/dev/null || [ ! -e repo ] || die "$deploy_to/repo is no mirror of a repository; move it away"
    rm -rf .capdoit/incoming
    git clone --quiet --mirror -- "$repo_url" .capdoit/incoming >&2
    mv .capdoit/incoming repo
fi
for name in "refs/heads/$branch" "refs/tags/$branch"; do
    git -C repo show-ref --verify --quiet "$name" || continue # main~1 is no branch
    if git -C repo rev-parse --quiet --verify "$name^{commit}"; then exit 0; fi
done
if [ "$branch" = HEAD ]; then
    git -C repo rev-parse --verify 'HEAD^{commit}'
elif may_be_sha "$branch"; then
    git -C repo rev-parse --quiet --verify "$branch^{commit}" || :
fi
