# shellcheck shell=sh
# Print the condition of a host as facts: first the clock, and the locale before this script changes it.
# Needs: find_existing is_installed is_writable print_directory_id print_fact print_space print_user report_lock
# Needs: report_missing_tools to_one_line
# Given: deploy_to tools version_tools
# Environment: LANG LC_CTYPE

# Only GNU date knows %N: others print it as it is, or nothing.
print_fact clock "$(date -u '+%s %N')"
print_fact locale "$(to_one_line "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}")"
print_fact charmap "$(to_one_line "$(locale charmap 2>/dev/null)")"
LC_ALL=C
export LC_ALL
unset CDPATH

# Print the first line with a version: busybox prints an error about the option before it.
print_version() {
    "$1" --version </dev/null 2>&1 | sed -n '/[0-9][.][0-9]/{p;q;}' | cut -c1-200
}

print_fact user "$(print_user)"
shell=$(readlink "/proc/$$/exe" 2>/dev/null || command -v sh)
print_fact shell "$(to_one_line "$shell")"
print_fact shell_version "$(to_one_line "$(print_version "$shell")")"
eval "set -- $version_tools"
for tool; do
    if is_installed "$tool"; then print_fact tool "$tool $(to_one_line "$(print_version "$tool")")"; fi
done
eval "set -- $tools"
report_missing_tools "$@"

if [ -n "$deploy_to" ]; then
    # A flow creates missing directories in the nearest one that exists.
    place=$(find_existing "$deploy_to")
    print_fact place "$(to_one_line "$place")"
    print_fact rights "$(to_one_line "$(ls -ldL -- "$place" 2>/dev/null)")"
    if [ ! -d "$place" ]; then
        print_fact no_directory yes
    elif ! is_writable "$place"; then
        print_fact closed "$(to_one_line "$place")"
    fi
    for name in releases shared repo repo/objects repo/refs .capdoit .capdoit/lock .capdoit/journal revisions.log; do
        if [ -e "$deploy_to/$name" ] && ! is_writable "$deploy_to/$name"; then
            print_fact closed "$(to_one_line "$deploy_to/$name")"
        fi
    done
    if [ -d "$deploy_to" ]; then print_fact directory_id "$(cd "$deploy_to" && print_directory_id)"; fi
    (if cd "$deploy_to" 2>/dev/null; then report_lock; fi)
    print_fact disk "$(print_space -Pk "$place")"
    print_fact inodes "$(print_space -Pi "$place")"
fi
print_fact end yes
