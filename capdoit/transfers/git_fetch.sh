# shellcheck shell=sh
# Update the mirror of the repository on this host. Print, as facts, the refs that the branch may mean and the commit
# that its sha means, as the mirror has them now.
# Needs: connect_git enter_deploy_to fetch_commit find_commit mirror_git prepare_git print_fact
# Needs: replace_damaged_mirror report_existing_refs report_omissions report_subject require_lock update_mirror
# Given: deploy_to refs repo_url sha

# Print the refs that the mirror has, as facts. Fail if git can read no commit there.
report_refs() {
    has_unreadable=
    eval "set -- $refs"
    for name; do
        if [ "$name" = HEAD ]; then
            commit=$(connect_git git ls-remote -- "$repo_url" HEAD) # the mirror keeps the HEAD that it was cloned with
            commit=$(printf '%s\n' "$commit" | sed -n 's/[[:blank:]]HEAD$//p')
            [ -z "$commit" ] || print_fact ref "$commit $name"
        elif ! mirror_git show-ref --verify --quiet "$name"; then
            continue
        elif commit=$(find_commit "$name"); then
            print_fact ref "$commit $name"
        else
            print_fact unreadable_ref "$name"
            has_unreadable=yes
        fi
    done
    [ -z "$has_unreadable" ]
}

enter_deploy_to
require_lock
prepare_git
update_mirror
if ! found=$(report_refs) && replace_damaged_mirror; then
    found=$(report_refs) || :
fi
if [ -z "$found" ] && [ -n "$sha" ] && commit=$(fetch_commit "$sha"); then
    found=$(print_fact commit "$commit")
fi
if [ -n "$found" ]; then printf '%s\n' "$found"; fi
commit=$(printf '%s\n' "$found" | sed -n 's/^ref[[:blank:]]//p; s/^commit[[:blank:]]//p' | sed 's/ .*//; 1q')
if [ -n "$commit" ]; then
    report_subject "$deploy_to/repo" "$commit"
    report_omissions "$deploy_to/repo" "$commit" || print_fact unexamined yes
elif [ -z "$found" ]; then
    mirror_git for-each-ref --format='%(refname)' refs/heads refs/tags | report_existing_refs
fi
print_fact end yes
