# shellcheck shell=sh
# Update the mirror of the repository on this host, and print the commit of the branch. A new mirror is made under
# another name, so that an incomplete one is never used.
# Needs: die enter_deploy_to is_commit_prefix prepare_git require_lock
# Given: branch deploy_to repo_url
enter_deploy_to
require_lock
prepare_git
if [ -f repo/HEAD ]; then
    git -C repo remote set-url origin "$repo_url"
    git -C repo fetch --quiet --prune origin >&2
else
    rmdir repo 2>/dev/null || [ ! -e repo ] || die "$deploy_to/repo is not a mirror of a repository; move it away"
    rm -rf .capdoit/incoming
    git clone --quiet --mirror -- "$repo_url" .capdoit/incoming >&2
    mv .capdoit/incoming repo
fi
for name in "refs/heads/$branch" "refs/tags/$branch"; do
    git -C repo show-ref --verify --quiet "$name" || continue # main~1 is not a branch
    if git -C repo rev-parse --quiet --verify "$name^{commit}"; then exit 0; fi
done
if [ "$branch" = HEAD ]; then
    git -C repo rev-parse --verify 'HEAD^{commit}'
elif is_commit_prefix "$branch"; then
    git -C repo rev-parse --quiet --verify "$branch^{commit}" || :
fi
