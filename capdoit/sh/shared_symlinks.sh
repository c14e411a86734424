# shellcheck shell=sh
# The symlinks that shared_to asks for.
# Given: shared_to

# Make the symlinks of shared that are missing, in deploy_to, and print those that cannot be made. A file system that is
# not mounted is no directory to point to.
create_shared_symlinks() {
    eval "set -- $shared_to"
    while [ "$#" -gt 0 ]; do
        place=shared${1:+/$1}
        if [ ! -e "$place" ] && [ ! -L "$place" ] && [ -d "$2" ]; then
            { mkdir -p "./${place%"${place##*/}"}" && ln -s "$2" "$place"; } || printf '%s\n' "$place"
        fi
        shift 2
    done
}
