# shellcheck shell=sh
# Safety of deploy_to.
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
    for name in releases shared .capdoit .capdoit/lock .capdoit/journal .capdoit/manifests; do
        if [ -L "$name" ]; then
            echo "$deploy_to/$name is a symlink, which no flow follows: move it away" >&2
            return 1
        fi
    done
    # Opening a FIFO may block forever.
    for name in revisions.log .capdoit/lock .capdoit/journal; do
        if [ -e "$name" ] && [ ! -f "$name" ]; then
            echo "$deploy_to/$name is not a regular file: move it away" >&2
            return 1
        fi
    done
}
