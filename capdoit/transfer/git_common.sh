# shellcheck shell=sh
# Nobody is there to answer git's questions, nor those of its ssh.
export GIT_TERMINAL_PROMPT=0 GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes}"

# Whether a text may be the beginning of a commit's sha: seven of its digits or more.
may_be_sha() {
    case $1 in
        *[!0-9a-fA-F]* | ?????? | ????? | ???? | ??? | ?? | ?) return 1 ;;
    esac
}
