# shellcheck shell=sh
# Changes of the mirror of the repository, by a flow with the lock. The script is in deploy_to.
# Needs: clear_scratch connect_git die fetch_refs mirror_git move_to_removed remove_tree
# Given: deploy_to repo_url

# Make the mirror, or bring it up to date.
update_mirror() {
    if is_mirror; then
        remove_stale_git_locks
        fetch_or_replace
    else
        rmdir repo 2>/dev/null || [ ! -e repo ] || die "$deploy_to/repo is not a mirror of a repository; move it away"
        make_mirror
    fi
}

# Check whether repo/ is a mirror, which may be damaged. Anything else belongs to someone else.
is_mirror() {
    [ -f repo/HEAD ] || git config --file repo/config core.bare >/dev/null 2>&1
}

# Fetch all refs, into a new mirror if this one is damaged. Git can report damage and succeed: it fetches what it
# cannot read.
fetch_or_replace() {
    fetch_status=0
    output=$(LC_ALL=C && export LC_ALL && fetch_refs 2>&1) || fetch_status=$?
    [ -z "$output" ] || printf '%s\n' "$output" >&2
    case $fetch_status:$output in
        0:*error:* | [!0]*) replace_damaged_mirror || return "$fetch_status" ;;
    esac
}

replace_damaged_mirror() {
    is_mirror_damaged && replace_mirror
}

# Check whether git finds damage in the mirror. If the repository cannot be reached, that is the fault.
is_mirror_damaged() {
    connect_git git ls-remote -- "$repo_url" HEAD >/dev/null 2>&1 || return 1
    output=$(LC_ALL=C && export LC_ALL && mirror_git fsck --connectivity-only --no-dangling --no-progress 2>&1) ||
        return 0
    case $output in
        *error:*) ;;
        *) return 1 ;;
    esac
}

replace_mirror() {
    printf '%s is damaged, so it is replaced by a new clone\n' "$deploy_to/repo" >&2
    make_mirror
}

# Clone the repository. The clone has another name until it is complete, and keeps the settings of the mirror that it
# replaces, such as a key.
make_mirror() {
    clear_scratch .capdoit/incoming || return
    connect_git git clone --quiet --mirror -- "$repo_url" .capdoit/incoming >&2 || return
    if [ -e repo ]; then
        if git config --file repo/config core.bare >/dev/null 2>&1; then
            cat repo/config >.capdoit/incoming/config
        fi
        move_to_removed repo || die "$deploy_to/repo cannot be replaced; move it away"
    fi
    mv .capdoit/incoming repo || return
    remove_tree .capdoit/removed/repo || : # the cleanup tries again
}

# Remove the lock files and the incomplete packs of git processes that were killed. This flow has the lock, so no
# other flow uses the mirror; but someone may run git there by hand.
remove_stale_git_locks() {
    stale=$(find_git_leftovers -print) || :
    if [ -z "$stale" ]; then return 0; fi
    if git_process=$(find_git_process); then
        printf '%s has lock files, and the git process %s is at work there\n' "$deploy_to/repo" "$git_process" >&2
        return 0
    fi
    find_git_leftovers -exec rm -f {} +
    printf 'removed what a git process that was killed left behind:\n%s\n' "$stale" >&2
}

find_git_leftovers() {
    find repo/ -path 'repo/objects/??' -prune -o \( -name '*.lock' -o -path 'repo/objects/pack/tmp_*' \) "$@"
}

# Print the id of a living git process that works in the mirror: it was started there, or its arguments or its
# environment name the mirror.
find_git_process() {
    place=$(cd repo && pwd -P)
    for process in /proc/[0-9]*; do
        name=
        read -r name 2>/dev/null <"$process/comm" || continue
        case $name in
            git | git-*) ;;
            *) continue ;;
        esac
        words=$(readlink "$process/cwd" && cat "$process/cmdline" "$process/environ" | tr '\0' ' ') 2>/dev/null
        case $words in
            *"$place"* | *"$deploy_to/repo"*)
                printf '%s\n' "${process#/proc/}"
                return 0
                ;;
        esac
    done
    return 1
}
