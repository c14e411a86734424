# shellcheck shell=sh
# Resources of a host: its programs, its disk space, and what the user may do there.
# Needs: die print_fact

is_installed() {
    command -v "$1" >/dev/null 2>&1
}

require_tools() {
    for tool; do
        is_installed "$tool" || die "$tool is not installed"
    done
}

report_missing_tools() {
    for tool; do
        is_installed "$tool" || print_fact no_tool "$tool"
    done
}

print_user() {
    id -un 2>/dev/null || id -u
}

# Print a path, or the nearest directory above it that exists.
find_existing() {
    existing=$1
    while [ -n "$existing" ] && [ ! -e "$existing" ] && [ ! -L "$existing" ]; do
        existing=${existing%/*}
    done
    printf '%s\n' "${existing:-/}"
}

# Print the identity of the working directory: two hosts with one identity are two names of one directory. On a network
# disk that two machines have mounted, it is the server's. Print nothing if the host does not tell.
print_directory_id() {
    {
        case $(stat -fc %T .) in
            nfs*) source=$(df -Pk . | sed -n '$s/[[:blank:]].*//p') ;;
            *) source= ;;
        esac
        case $source in
            127.* | localhost:* | '[::1]:'*) ;; # a tunnel, which may lead elsewhere on each machine
            *:/*)
                printf '%s\n' "$source $(stat -Lc %i .)"
                return
                ;;
        esac
        read -r boot_id </proc/sys/kernel/random/boot_id && read -r host_name </proc/sys/kernel/hostname &&
            printf '%s\n' "$boot_id $host_name $(stat -Lc %d:%i .)"
    } 2>/dev/null
}

# Check that the user can read a file, or list and enter a directory.
can_read() {
    [ -r "$1" ] && { [ ! -d "$1" ] || [ -x "$1" ]; }
}

# Check that the user can write to a file, or create files in a directory.
is_writable() {
    [ -w "$1" ] && { [ ! -d "$1" ] || [ -x "$1" ]; }
}

# Check whether the file system of the current directory is read-only. There, even the removal of something that does not
# exist fails with that reason, also for root.
is_on_read_only_file_system() {
    case $(LC_ALL=C rmdir .capdoit.missing 2>&1) in
        *'Read-only file system'*) ;;
        *) return 1 ;;
    esac
}

# Print the size and the free part of the file system of a path ($2), in KiB ($1 is -Pk) or in inodes ($1 is -Pi).
# Print nothing if df does not tell. Names of file systems and mount points may contain spaces.
print_space() {
    df "$1" "$2" 2>/dev/null | sed -n '$s/^.*[[:blank:]]\([0-9]\{1,18\}\)[[:blank:]]\{1,\}[0-9]\{1,\}[[:blank:]]\{1,\}\([0-9]\{1,18\}\)[[:blank:]]\{1,\}[0-9%-]\{1,\}[[:blank:]].*$/\1 \2/p'
}
