# shellcheck shell=sh
# Unpack the tar on stdin into a directory. It is unpacked next to the directory first, so that nothing of an incomplete
# upload appears. If the directory exists, its other files stay.
# Needs: die make_parents require_lock
# Given: last_member part remote run
set -e
[ -z "$run" ] || require_lock

# Move everything in a directory ($1) into another directory ($2). Directories that both have are merged; a symlink to a
# directory counts as a directory there.
merge() {
    for path in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        to=$2/${path##*/}
        if [ ! -e "$path" ] && [ ! -L "$path" ]; then
            continue # a pattern that matches nothing
        elif [ -L "$path" ] || [ ! -d "$path" ]; then
            replace "$path" "$to"
        elif [ -d "$to" ]; then
            merge "$path" "$to"
        else
            mv "$path" "$to"
        fi
    done
}

# Move a file ($1) to its place ($2). mv would move it into a directory.
replace() {
    if [ -L "$2" ] && [ -d "$2" ]; then rm -f "$2"; fi
    [ ! -d "$2" ] || die "$2 is a directory, and would be replaced by a file"
    mv -f "$1" "$2"
}

if [ ! -d "$remote" ] && { [ -e "$remote" ] || [ -L "$remote" ]; }; then die "$remote is not a directory"; fi
rm -rf "$part"
trap 'rm -rf "$part"' EXIT
trap 'exit 1' HUP INT PIPE TERM # PIPE: the controller has died, and the shell writes that a program was terminated
make_parents "$part"
(umask 077 && mkdir "$part") # tar gives it its mode at the end
tar -xpf - -C "$part" --no-same-owner
# If the connection is lost, stdin ends early.
[ -f "$part/$last_member" ] || die "the upload of $remote is incomplete"
rm -f "$part/$last_member"
if [ -d "$remote" ]; then merge "$part" "$remote"; else mv "$part" "$remote"; fi
