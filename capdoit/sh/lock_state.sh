# shellcheck shell=sh
# The state of the lock, for read-only commands.
# Needs: print_fact print_lock_entry to_one_line

# Report the entry of the lock, whether the lock is held, and the process that holds it, as far as this host tells.
report_lock() {
    is_held=no
    if [ -f .capdoit/lock ]; then # opening a FIFO may block forever
        print_fact lock "$(to_one_line "$(print_lock_entry .capdoit/lock)")"
        is_held=$(print_whether_lock_is_held)
    fi
    [ -z "$is_held" ] || print_fact lock_is_held "$is_held"
    if [ "$is_held" = yes ]; then report_lock_process; fi
}

# Print yes or no, or nothing if this host does not tell. Only an attempt to share the lock has a true answer everywhere:
# in a container, /proc/locks shows neither a lock whose taker has ended nor the locks of other containers. A flow that
# wants the lock in this moment tries again.
print_whether_lock_is_held() {
    if [ -r .capdoit/lock ]; then
        (flock -n -s 8) 8<.capdoit/lock 2>/dev/null
        case $? in
            0) echo no ;;
            1) echo yes ;;
        esac
    elif [ -n "$(list_lock_pids)" ]; then
        echo yes
    fi
}

# Print the processes that took a lock on the file of the lock, as far as this host tells.
list_lock_pids() {
    inode=$(stat -c %i .capdoit/lock 2>/dev/null) || return 0
    sed -n "s/^[0-9]*: FLOCK .* \([0-9]\{1,\}\) [^ ]*:$inode .*/\1/p" /proc/locks 2>/dev/null
}

# Report a process that took the lock and still runs. That is not a flow: its program flock ends, and its shell has the
# lock.
report_lock_process() {
    for pid in $(list_lock_pids); do
        if read -r name 2>/dev/null <"/proc/$pid/comm"; then
            print_fact lock_process "$pid ($(to_one_line "$name")) of $(stat -c %U "/proc/$pid" 2>/dev/null)"
            return
        fi
    done
}
