# shellcheck shell=sh
# The directory that a path is in.

# Make the parent directories of a path ($1) that are missing.
make_parents() {
    case $1 in
        /*/* | [!/]*/*) mkdir -p "${1%/*}" ;;
    esac
}
