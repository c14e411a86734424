# shellcheck shell=sh
# Takes the lock: the session's own shell opens the file, so the kernel gives the lock back when the
# session ends, however it ends. Says 0: taken (and prints whose remains it found, if any), 1: the
# directory cannot be used, 2: somebody has it (and prints who), 3: there is no flock, 4: no deploy_to,
# 5: it was to be taken again after a lost session, but another flow has had it meanwhile, 6: it cannot
# be written, as on a full disk.
# shellcheck disable=SC2154,SC2034
held=0
(
    unset CDPATH
    if [ -z "$create" ] && [ ! -d "$deploy_to" ]; then exit 4; fi
    mkdir -p "$deploy_to" && cd "$deploy_to" || exit 1
    within_bounds || exit 1
    command -v flock >/dev/null || exit 3
    # true and not ":", at whose redirection errors a shell ends with a status of its own
    mkdir -p .capdoit && true >>.capdoit/lock || exit 1
) || held=$?
# Without "command", a shell ends when exec cannot open a file, which may have become read-only just now.
if [ "$held" = 0 ]; then
    command exec 9>>"$deploy_to/.capdoit/lock" || held=1
fi
if [ "$held" = 0 ]; then
    flock -n 9
    case $? in
        0) held=0 ;;
        1) held=2 ;;
        *) held=1 ;;
    esac
    # An unlock by force between the two leaves a file that nobody else will find.
    # shellcheck disable=SC3013
    if [ "$held" = 0 ] && [ -e /proc/self/fd/9 ] && [ ! "$deploy_to/.capdoit/lock" -ef /proc/self/fd/9 ]; then held=2; fi
    found=$(dd if="$deploy_to/.capdoit/lock" bs=16384 count=1 2>/dev/null)
    if [ "$held" = 0 ] && [ -n "$again" ]; then
        case $found in
            *"\"run\": \"$again\""*) ;;
            *) held=5 ;;
        esac
    fi
    if [ "$held" = 0 ] && [ -z "$again" ]; then
        printf "%s\n" "$owner" >"$deploy_to/.capdoit/lock" || held=6
    fi
    [ "$held" = 0 ] || exec 9>&-
    printf "%s\n" "$found"
fi
