# shellcheck shell=sh
# The file of the lock. The first line is the entry of the flow that holds the lock, or empty. The file has 16 KiB wherever
# there is room for them, so that an entry can be written on a full disk.
# Needs: create_private_file print_private_mode set_private_umask try_with_reserve

# Create the lock file if it is missing, and close it to users who do not deploy: whoever can open a file can lock it.
secure_lock_file() {
    [ -e .capdoit/lock ] || try_with_reserve create_private_file .capdoit/lock || return
    chmod "$(print_private_mode)" .capdoit/lock 2>/dev/null || replace_lock_file || :
}

# Replace a lock file that users outside of the group can open, and that belongs to another user: this flow cannot change
# the mode of such a file. The lock is held meanwhile.
replace_lock_file() {
    case $(ls -l .capdoit/lock) in
        -??????---*) return ;;
    esac
    # shellcheck disable=SC2094
    (
        flock -n 8 || exit
        set_private_umask
        rm -f .capdoit/lock.new
        cp .capdoit/lock .capdoit/lock.new && mv -f .capdoit/lock.new .capdoit/lock
    ) 8>>.capdoit/lock
}

# Write an entry ($2), or an empty line, over the content of a lock file ($1). Earlier versions of capdoit left shorter files:
# without room for 16 KiB, the entry is enough, and the rest of the room is given back.
write_lock_entry() {
    printf "%s\n%$((16383 - ${#2}))s" "$2" "" 2>/dev/null 1<>"$1" && return
    dd if=/dev/null of="$1" bs=4096 seek=1 count=0 2>/dev/null
    printf "%s\n" "$2" 1<>"$1"
}

print_lock_entry() {
    dd if="$1" bs=16384 count=1 2>/dev/null | sed q
}
