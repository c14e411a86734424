# shellcheck shell=sh
# Gives the links below a directory that may lead out of it, absolute ones and those that go up far, to a
# script, as its arguments. Where find cannot tell, all of them.
far_links() {
    if find . -prune -lname x >/dev/null 2>&1; then
        find "$1" -type l \( -lname '/*' -o -lname '*../../*' \) -exec sh -c "$2" sh {} +
    else
        find "$1" -type l -exec sh -c "$2" sh {} +
    fi
}
