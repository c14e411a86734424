# shellcheck shell=sh
# Whether a flow may make or remove anything in this directory; says why not.
# shellcheck disable=SC2154
within_bounds() {
    case $(pwd -P) in
        / | "$(cd "${HOME:-/}" 2>/dev/null && pwd -P)")
            echo "deploy_to is $(pwd -P): it has to be a directory of its own" >&2
            return 1
            ;;
    esac
    for name in releases shared .capdoit .capdoit/lock .capdoit/journal .capdoit/manifests; do
        if [ -L "$name" ]; then
            echo "$deploy_to/$name is a link, which no flow follows: move it away" >&2
            return 1
        fi
    done
    # Whoever opens a fifo waits, and may wait for ever.
    for name in revisions.log .capdoit/lock .capdoit/journal; do
        if [ -e "$name" ] && [ ! -f "$name" ]; then
            echo "$deploy_to/$name is no file: move it away" >&2
            return 1
        fi
    done
}
