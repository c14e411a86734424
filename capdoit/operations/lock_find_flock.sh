# shellcheck shell=sh
# Check that the shell of the session, which will hold the lock, finds flock.
# Sets: hold_status
hold_status=0
command -v flock >/dev/null || hold_status=1
