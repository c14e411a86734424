# shellcheck shell=sh
# Print, as facts, the refs of the repository that the branch may mean and the commit that its sha means, without a
# change of the mirror. What the mirror lacks is fetched into a temporary repository.
# Needs: connect_git find_commit make_temporary_directory prepare_git print_fact report_existing_refs
# Needs: report_omissions report_subject temporary_path
# Given: deploy_to examine_lfs examine_submodules refs repo_url sha

# Print the commit of a ref ($1) in the answer of the repository, where NAME^{} is the commit of the tag NAME.
find_listed() {
    printf '%s\n' "$listed" | while read -r id name; do
        if [ "$name" = "$1" ]; then printf '%s\n' "$id"; fi
    done
}

apart_git() {
    git --git-dir="$(temporary_path repo)" "$@"
}

open_repository_apart() {
    make_temporary_directory
    apart=$(temporary_path repo)
    git init --quiet --bare --template= "$apart"
    apart_git config remote.origin.url "$repo_url"
}

# Fetch something ($1) without the contents of files, if the repository can leave them out; more arguments are options.
# After a fetch that failed, git would still expect to get missing objects later, and fetch them without end.
fetch_apart() {
    wanted=$1
    shift
    connect_git apart_git fetch --quiet --no-tags "$@" --filter=blob:none origin "$wanted" 2>/dev/null && return
    apart_git config --unset remote.origin.promisor
    apart_git config --unset remote.origin.partialclonefilter
    connect_git apart_git fetch --quiet --no-tags origin "$wanted" 2>/dev/null
}

# Fetch the commit of a sha ($1). The first digits of a sha can be found in the complete history only.
fetch_commit_apart() {
    open_repository_apart
    if [ "${#1}" -ge 40 ] && fetch_apart "$1" --depth=1; then return 0; fi
    fetch_apart '+refs/*:refs/*'
}

# Print the subject line of the commit, and the paths that a release of it would lack.
examine_commit() {
    if [ -z "$apart" ] && ! find_commit "$commit" >/dev/null; then
        open_repository_apart
        if ! fetch_apart "$origin" --depth=1; then
            print_fact unexamined yes
            return
        fi
        commit=$(apart_git rev-parse --quiet --verify 'FETCH_HEAD^{commit}') || print_fact unreadable_ref "$origin"
    fi
    if [ -z "$commit" ]; then return; fi
    report_subject "${apart:-$deploy_to/repo}" "$commit"
    report_omissions "${apart:-$deploy_to/repo}" "$commit" || print_fact unexamined yes
}

prepare_git
apart=
eval "set -- $refs"
for name; do
    set -- "$@" "$name^{}"
done
listed=$(connect_git git ls-remote -- "$repo_url" HEAD "$@") || exit
commit=
eval "set -- $refs"
for name; do
    id=$(find_listed "$name^{}")
    id=${id:-$(find_listed "$name")}
    if [ -z "$id" ]; then continue; fi
    print_fact ref "$id $name"
    if [ -z "$commit" ]; then
        commit=$id
        origin=$name
    fi
done
if [ -z "$commit" ] && [ -n "$sha" ]; then
    if ! commit=$(find_commit "$sha"); then
        fetch_commit_apart "$sha"
        commit=$(apart_git rev-parse --quiet --verify "$sha^{commit}") || :
    fi
    if [ -n "$commit" ]; then print_fact commit "$commit"; fi
fi
if [ -z "$commit" ]; then
    connect_git git ls-remote --heads --tags --refs -- "$repo_url" | sed 's/.*[[:blank:]]//' | report_existing_refs
elif [ -n "$examine_lfs$examine_submodules" ]; then
    examine_commit
fi
print_fact end yes
