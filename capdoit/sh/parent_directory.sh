# shellcheck shell=sh
# The directory that a file or a directory is put into.
# Needs: create_shared_symlinks die for_each_shared_path
# Given: deploy_to

# Make the parent directories of a path ($1) that are missing. A hook before the first deploy may need shared, which the
# flow has not made yet; no directory must take the place of a symlink that shared_to asks for.
make_parents() {
    case $1 in
        "$deploy_to"/shared/*)
            mkdir -p "$deploy_to"
            path_in_shared=${1#"$deploy_to/"}
            (cd "$deploy_to" && create_shared_symlinks >&2 && for_each_shared_path require_shared_directory)
            ;;
    esac
    case $1 in
        /*/* | [!/]*/*) mkdir -p "${1%/*}" ;;
    esac
}

# Check that a symlink of shared_to ($1), if it is on the way to the path, points to a directory ($2).
require_shared_directory() {
    case $path_in_shared in
        "$1"/*) [ -d "$1" ] || die "$2, where $deploy_to/$1 leads, is not a directory" ;;
    esac
}
