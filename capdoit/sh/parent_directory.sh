# shellcheck shell=sh
# The directory that a file or a directory is put into.
# Needs: create_shared_symlinks die
# Given: deploy_to shared_to

# Make the parent directories of a path ($1) that are missing. A hook before the first deploy may need shared, which the
# flow has not made yet; no directory must take the place of a symlink that shared_to asks for.
make_parents() {
    case $1 in
        "$deploy_to"/shared/*)
            mkdir -p "$deploy_to"
            (cd "$deploy_to" && create_shared_symlinks >&2 && require_shared_directories "${1#"$deploy_to/"}")
            ;;
    esac
    case $1 in
        /*/* | [!/]*/*) mkdir -p "${1%/*}" ;;
    esac
}

# Check that the symlinks of shared_to on the way to a path ($1) lead to directories.
require_shared_directories() {
    path=$1
    eval "set -- $shared_to"
    while [ "$#" -gt 0 ]; do
        place=shared${1:+/$1}
        case $path in
            "$place"/*) [ -d "$place" ] || die "$2, where $deploy_to/$place leads, is not a directory" ;;
        esac
        shift 2
    done
}
