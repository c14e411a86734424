# shellcheck shell=sh
# Git.
# Environment: GIT_SSH_COMMAND

# Set the environment for git commands. On a local host, git itself may have started the flow, from a hook, and its
# variables would select another repository. Nobody can answer questions of git and ssh.
prepare_git() {
    unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE
    export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}"
}

# Check whether a text can be an abbreviated commit: seven hexadecimal digits or more.
is_commit_prefix() {
    case $1 in
        *[!0-9a-fA-F]* | ?????? | ????? | ???? | ??? | ?? | ?) return 1 ;;
    esac
}
