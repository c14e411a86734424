# shellcheck shell=sh
# Print the condition of a host as facts. The clock comes first, and the locale before this script sets its own.
# Needs: print_fact to_one_line
# Given: deploy_to tools version_tools
# Environment: LANG LC_ALL LC_CTYPE
# Only GNU's date knows %N; others print it as it is, or leave it out.
print_fact clock "$(date -u '+%s %N')"
print_fact locale "$(to_one_line "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}")"
print_fact charmap "$(to_one_line "$(locale charmap 2>/dev/null)")"
LC_ALL=C
export LC_ALL
unset CDPATH

# The first line with a version in it: busybox complains of the option first.
version_of() {
    "$1" --version </dev/null 2>&1 | sed -n '/[0-9][.][0-9]/{p;q;}' | cut -c1-200
}

last_line() {
    sed -n '$p' | cut -c1-500
}

may_use() {
    [ -w "$1" ] && { [ ! -d "$1" ] || [ -x "$1" ]; }
}

print_fact user "$(id -un 2>/dev/null || id -u)"
shell=$(readlink "/proc/$$/exe" 2>/dev/null || command -v sh)
print_fact shell "$(to_one_line "$shell")"
print_fact shell_version "$(to_one_line "$(version_of "$shell")")"
eval "set -- $version_tools"
for tool; do
    if command -v "$tool" >/dev/null 2>&1; then print_fact tool "$tool $(to_one_line "$(version_of "$tool")")"; fi
done
eval "set -- $tools"
for tool; do
    command -v "$tool" >/dev/null 2>&1 || print_fact no_tool "$tool"
done

if [ -n "$deploy_to" ]; then
    # What is not there will be made in the nearest directory that is.
    place=$deploy_to
    while [ ! -e "$place" ] && [ ! -L "$place" ]; do
        place=${place%/*}
        if [ -z "$place" ]; then place=/; fi
    done
    print_fact place "$(to_one_line "$place")"
    print_fact rights "$(to_one_line "$(ls -ldL -- "$place" 2>/dev/null)")"
    if [ ! -d "$place" ]; then
        print_fact no_directory yes
    elif ! may_use "$place"; then
        print_fact closed "$(to_one_line "$place")"
    fi
    for name in releases shared repo .capdoit .capdoit/lock .capdoit/journal revisions.log; do
        if [ -e "$deploy_to/$name" ] && ! may_use "$deploy_to/$name"; then
            print_fact closed "$(to_one_line "$deploy_to/$name")"
        fi
    done
    print_fact disk "$(df -Pk "$place" 2>/dev/null | last_line)"
    print_fact inodes "$(df -Pi "$place" 2>/dev/null | last_line)"
fi
print_fact end yes
