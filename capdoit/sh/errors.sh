# shellcheck shell=sh
# Errors.
die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Print what the messages of a program ($1) say, in one line if the cause is well known. The program must have run with
# LC_ALL=C.
explain_error() {
    case $1 in
        *'No space left on device'* | *uota' exceeded'*) echo 'no space or no inode is left' ;;
        *'Read-only file system'*) echo 'the file system is read-only' ;;
        *) printf '%s\n' "$1" ;;
    esac
}
