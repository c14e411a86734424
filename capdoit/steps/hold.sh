# shellcheck shell=sh
# Takes the lock: the session's own shell opens the file, so the kernel gives the lock back when the
# session ends, however it ends. Says 0: taken (and prints whose remains it found, if any), 1: the
# directory cannot be used, 2: somebody has it (and prints who), 3: there is no flock, 4: no deploy_to.
# shellcheck disable=SC2154,SC2034
held=0
(
    if [ -z "$create" ] && [ ! -d "$deploy_to" ]; then exit 4; fi
    mkdir -p "$deploy_to" && cd "$deploy_to" || exit 1
    case $(pwd -P) in
        / | "$(cd "${HOME:-/}" 2>/dev/null && pwd -P)")
            echo "deploy_to is $(pwd -P): it has to be a directory of its own" >&2
            exit 1
            ;;
    esac
    for name in .capdoit releases shared; do
        if [ -L "$name" ]; then
            echo "$deploy_to/$name is a link: it has to be a directory" >&2
            exit 1
        fi
    done
    command -v flock >/dev/null || exit 3
    # true and not ":", at whose redirection errors a shell ends with a status of its own
    mkdir -p .capdoit && true >>.capdoit/lock || exit 1
) || held=$?
if [ "$held" = 0 ]; then
    exec 9>>"$deploy_to/.capdoit/lock"
    if flock -n 9; then
        cat "$deploy_to/.capdoit/lock"
        printf "%s\n" "$owner" >"$deploy_to/.capdoit/lock" || held=1
    else
        cat "$deploy_to/.capdoit/lock"
        exec 9>&-
        held=2
    fi
fi
