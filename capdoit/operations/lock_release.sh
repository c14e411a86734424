# shellcheck shell=sh
# Release the lock. The shell of the session runs this, since it has the lock file open. After an unlock by force
# there is nothing to release: the file belongs to another flow.
# Needs: print_lock_entry write_lock_entry
# Given: lock_file run
# Sets: hold_status
hold_status=0
case $(print_lock_entry "$lock_file") in
    *"\"run\": \"$run\""*) write_lock_entry "$lock_file" "" || hold_status=1 ;;
esac
exec 9>&-
