# shellcheck shell=sh
# Git, and the mirror of the repository in repo/.
# Given: deploy_to repo_url
# Environment: GIT_SSH GIT_SSH_COMMAND

# Set the environment for git commands. On a local host, git itself may have started the flow, from a hook, and its
# variables would select another repository. Nobody can answer questions of git and ssh. A commit is deployed as its
# author made it, and not as refs/replace changes it.
prepare_git() {
    unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE
    export GIT_TERMINAL_PROMPT=0 GIT_NO_REPLACE_OBJECTS=1
    choose_ssh_command
}

# Choose the program that git connects with, in git's own order.
choose_ssh_command() {
    if [ -n "${GIT_SSH_COMMAND:-}" ]; then return 0; fi
    if ssh_command=$(print_ssh_setting); then
        export GIT_SSH_COMMAND="$ssh_command"
    elif [ -z "${GIT_SSH:-}" ]; then
        export GIT_SSH_COMMAND="ssh -o BatchMode=yes"
    fi
}

# Print core.sshCommand as it is for the mirror: what is done outside of the mirror needs it, too, and so does the
# clone that replaces a damaged one.
print_ssh_setting() {
    mirror_git config core.sshCommand 2>/dev/null ||
        git config --file "$deploy_to/repo/config" core.sshCommand 2>/dev/null || git config core.sshCommand
}

# Run git in the mirror. With --git-dir, git trusts a repository of any owner, so users of one group can take turns.
mirror_git() {
    git --git-dir="$deploy_to/repo" "$@"
}

# Run a git command that connects to the repository. Its ssh server drops connections when many hosts connect at once
# (MaxStartups): then wait and run the command again. The pauses of hosts that were dropped together differ.
connect_git() {
    for tries in 1 2 3 4 5 6 last; do
        git_status=0
        { git_errors=$("$@" 2>&1 >&4); } 4>&1 || git_status=$?
        if [ "$git_status" = 0 ] || [ "$tries" = last ] || ! is_login_dropped "$git_errors"; then break; fi
        if [ "$tries" = 1 ]; then
            printf 'git: the ssh server dropped the connection before authentication; trying again\n' >&2
        fi
        sleep $((1 + ($$ + tries) % 3))
    done
    [ -z "$git_errors" ] || printf '%s\n' "$git_errors" >&2
    return "$git_status"
}

# Check whether an ssh server ended a connection before authentication, by the words of ssh.
is_login_dropped() {
    case $1 in
        *"Connection refused"* | *"open failed"*) return 1 ;;
        *_exchange_identification:*"closed by remote host"* | *_exchange_identification:*"reset by peer"*) ;;
        *"Connection closed by "*" port "* | *"Connection reset by "*" port "*) ;;
        *) return 1 ;;
    esac
}

# Print the commit that an object name ($1) means in the mirror.
find_commit() {
    mirror_git rev-parse --quiet --verify "$1^{commit}" 2>/dev/null
}

# Make the refs of the mirror equal to those of the repository; arguments are further options. The refspec is explicit:
# a mirror that was made by hand may have another one, or none, and then git fetch moves nothing.
fetch_refs() {
    if [ "$(mirror_git config --get-all remote.origin.url)" != "$repo_url" ]; then
        mirror_git config --replace-all remote.origin.url "$repo_url" || return
    fi
    connect_git mirror_git fetch --quiet --prune --refmap= --update-head-ok "$@" origin '+refs/*:refs/*' >&2
}

# Print the commit of a sha ($1) or of its first digits. Fetch a commit that is older than a shallow mirror, or that is
# on no branch.
fetch_commit() {
    find_commit "$1" && return
    if [ -f "$deploy_to/repo/shallow" ]; then fetch_refs --unshallow || return; fi
    find_commit "$1" && return
    if [ "${#1}" -ge 40 ]; then connect_git mirror_git fetch --quiet origin "$1" >/dev/null 2>&1 || return; fi
    find_commit "$1"
}
