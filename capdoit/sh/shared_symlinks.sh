# shellcheck shell=sh
# The symlinks that shared_to asks for.
# Given: shared_to

# Run a command ($1) for each path that shared_to names, in deploy_to, and the directory that it points to.
# Stop when the command fails.
for_each_shared_path() {
    command=$1
    eval "set -- $shared_to"
    while [ "$#" -gt 0 ]; do
        "$command" "shared${1:+/$1}" "$2" || return
        shift 2
    done
}

# Make the symlinks that are missing, in deploy_to, and print those that cannot be made.
create_shared_symlinks() {
    for_each_shared_path create_shared_symlink
}

# Make a symlink ($1) to a directory ($2). A file system that is not mounted gets none.
create_shared_symlink() {
    if [ ! -e "$1" ] && [ ! -L "$1" ] && [ -d "$2" ]; then
        { mkdir -p "./${1%"${1##*/}"}" && ln -s "$2" "$1"; } || printf '%s\n' "$1"
    fi
}
