# shellcheck shell=sh
# Symlinks below a directory.

# Run a script ($2) with symlinks below a directory ($1) as its arguments: those that may point out of the directory,
# because they are absolute or go up two levels or more. Where find cannot select these, pass all symlinks.
run_for_outward_links() {
    if find . -prune -lname x >/dev/null 2>&1; then
        find "$1" -type l \( -lname '/*' -o -lname '*../../*' \) -exec sh -c "$2" sh {} +
    else
        find "$1" -type l -exec sh -c "$2" sh {} +
    fi
}
