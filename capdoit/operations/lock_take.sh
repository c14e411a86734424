# shellcheck shell=sh
# Take the lock. The shell of the session runs this and keeps the lock file open, so that the kernel releases the lock
# when the session ends, however it ends. hold_status is
#   0  taken; prints the entry of the flow that died with the lock, if any
#   1  deploy_to cannot be used
#   2  another flow holds it; prints the entry of that flow
#   3  flock is not installed
#   4  deploy_to does not exist
#   5  it was to be taken again after a lost session, but another flow has had it since
#   6  the lock file cannot be written, as on a full disk without a reserve
#   7  deploy_to is on a read-only file system
# Needs: find_existing is_on_read_only_file_system is_safe_deploy_to print_lock_entry secure_lock_file
# Needs: try_with_reserve write_lock_entry
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
    mkdir -p .capdoit && secure_lock_file || exit 1
) || hold_status=$?
# "command" keeps the shell alive when exec cannot open a file that has become read-only since.
if [ "$hold_status" = 0 ]; then
    command exec 9>>"$deploy_to/.capdoit/lock" || hold_status=1
fi
if [ "$hold_status" = 1 ] && (cd "$(find_existing "$deploy_to")" && is_on_read_only_file_system); then hold_status=7; fi
if [ "$hold_status" = 0 ]; then
    # A command that looks whether the lock is held shares it for a moment.
    for pause in 0.05 0.1 0; do
        flock -n 9
        hold_status=$?
        if [ "$hold_status" != 1 ] || [ "$pause" = 0 ]; then break; fi
        sleep "$pause" 2>/dev/null || sleep 1
    done
    case $hold_status in
        0) ;;
        1) hold_status=2 ;;
        *) hold_status=1 ;;
    esac
    # An unlock by force between exec and flock removes the file: then nobody else would find this lock.
    # shellcheck disable=SC3013
    if [ "$hold_status" = 0 ] && [ -e /proc/self/fd/9 ] && [ ! "$deploy_to/.capdoit/lock" -ef /proc/self/fd/9 ]; then
        hold_status=2
    fi
    found=$(print_lock_entry "$deploy_to/.capdoit/lock")
    if [ "$hold_status" = 0 ] && [ -n "$retake_run" ]; then
        case $found in
            *"\"run\": \"$retake_run\""*) ;;
            *) hold_status=5 ;;
        esac
    fi
    if [ "$hold_status" = 0 ] && [ -z "$retake_run" ]; then
        (cd "$deploy_to" && try_with_reserve write_lock_entry .capdoit/lock "$lock_entry") || hold_status=6
    fi
    [ "$hold_status" = 0 ] || exec 9>&-
    printf "%s\n" "$found"
fi
