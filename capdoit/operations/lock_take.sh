# shellcheck shell=sh
# Take the lock. The shell of the session runs this and keeps the lock file open, so that the kernel releases the lock
# when the session ends, however it ends. hold_status is
#   0  taken; prints the entry of the flow that died with the lock, if any
#   1  deploy_to cannot be used
#   2  another flow holds it; prints the entry of that flow
#   3  flock is not installed
#   4  deploy_to does not exist
#   5  it was to be taken again after a lost session, but another flow has had it since
#   6  the lock file cannot be written, as on a full disk
# Needs: is_safe_deploy_to
# Given: create_deploy_to deploy_to lock_entry retake_run
# Sets: hold_status
hold_status=0
(
    unset CDPATH
    if [ -z "$create_deploy_to" ] && [ ! -d "$deploy_to" ]; then exit 4; fi
    mkdir -p "$deploy_to" && cd "$deploy_to" || {
        printf "%s cannot be created or entered\n" "$deploy_to" >&2
        exit 1
    }
    is_safe_deploy_to || exit 1
    command -v flock >/dev/null || exit 3
    # true instead of ":", whose redirection errors end the shell with another status
    mkdir -p .capdoit && true >>.capdoit/lock || exit 1
) || hold_status=$?
# "command" keeps the shell alive when exec cannot open a file that has become read-only since.
if [ "$hold_status" = 0 ]; then
    command exec 9>>"$deploy_to/.capdoit/lock" || hold_status=1
fi
if [ "$hold_status" = 0 ]; then
    flock -n 9
    case $? in
        0) hold_status=0 ;;
        1) hold_status=2 ;;
        *) hold_status=1 ;;
    esac
    # An unlock by force between exec and flock removes the file: then nobody else would find this lock.
    # shellcheck disable=SC3013
    if [ "$hold_status" = 0 ] && [ -e /proc/self/fd/9 ] && [ ! "$deploy_to/.capdoit/lock" -ef /proc/self/fd/9 ]; then
        hold_status=2
    fi
    found=$(dd if="$deploy_to/.capdoit/lock" bs=16384 count=1 2>/dev/null)
    if [ "$hold_status" = 0 ] && [ -n "$retake_run" ]; then
        case $found in
            *"\"run\": \"$retake_run\""*) ;;
            *) hold_status=5 ;;
        esac
    fi
    if [ "$hold_status" = 0 ] && [ -z "$retake_run" ]; then
        printf "%s\n" "$lock_entry" >"$deploy_to/.capdoit/lock" || hold_status=6
    fi
    [ "$hold_status" = 0 ] || exec 9>&-
    printf "%s\n" "$found"
fi
