# shellcheck shell=sh
# Safety of deploy_to.
# Needs: for_each_shared_path
# Given: deploy_to
# Environment: HOME

# Check that a flow may create and remove files in this directory, which is deploy_to; print why not.
is_safe_deploy_to() {
    case $(pwd -P) in
        / | "$(cd "${HOME:-/}" 2>/dev/null && pwd -P)")
            echo "deploy_to is $(pwd -P): it must be a directory of its own" >&2
            return 1
            ;;
    esac
    for name in releases .capdoit .capdoit/lock .capdoit/journal .capdoit/manifests; do
        if [ -L "$name" ]; then
            echo "$deploy_to/$name is a symlink, which no flow follows: move it away" >&2
            return 1
        fi
    done
    is_safe_shared || return 1
    # Opening a FIFO may block forever.
    for name in revisions.log .capdoit/lock .capdoit/journal; do
        if [ -e "$name" ] && [ ! -f "$name" ]; then
            echo "$deploy_to/$name is not a regular file: move it away" >&2
            return 1
        fi
    done
}

# Check that shared, and each path in it that shared_to names, is a symlink only if it points to the place in shared_to.
is_safe_shared() {
    is_named=
    for_each_shared_path leads_to || return 1
    if [ -L shared ] && [ -z "$is_named" ]; then
        place=$(readlink shared)
        echo "$deploy_to/shared is a symlink; if it is meant to be one, add to deploy.yml: shared_to: $place" >&2
        return 1
    fi
}

# Check that a path ($1), if it is a symlink, points to a directory ($2), which may be missing at the moment.
leads_to() {
    if [ "$1" = shared ]; then is_named=yes; fi
    if [ ! -L "$1" ]; then return 0; fi
    place=$(readlink "$1")
    # shellcheck disable=SC3013
    if [ "${place%/}" = "$2" ] || [ "$1/" -ef "$2/" ]; then return 0; fi
    echo "$deploy_to/$1 leads to $place, and shared_to in deploy.yml says $2" >&2
    return 1
}
