# shellcheck shell=sh
# Release the lock. The shell of the session runs this, since it has the lock file open. After an unlock by force
# there is nothing to release: the file belongs to another flow.
# Given: lock_file run
# Sets: hold_status
hold_status=0
case $(dd if="$lock_file" bs=16384 count=1 2>/dev/null) in
    *"\"run\": \"$run\""*) true >"$lock_file" || hold_status=1 ;;
esac
exec 9>&-
