# shellcheck shell=sh
# On a local host, git itself may have begun all this, in a hook, and have said which repository is meant.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_NAMESPACE
# Nobody is there to answer git's questions, nor those of its ssh.
export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}"

# Whether a text may be the beginning of a commit's sha: seven of its digits or more.
may_be_sha() {
    case $1 in
        *[!0-9a-fA-F]* | ?????? | ????? | ???? | ??? | ?? | ?) return 1 ;;
    esac
}
