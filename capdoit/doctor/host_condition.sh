# shellcheck shell=sh
# The condition of one host, a line each: KEY, a tab, the fact. Changes nothing. The clock comes first, and
# the locale before we take our own.
# shellcheck disable=SC2154
# Only GNU's date knows %N; others print it as it is, or leave it out.
fact clock "$(date -u '+%s %N')"
fact locale "$(one_line "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}")"
fact charmap "$(one_line "$(locale charmap 2>/dev/null)")"
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

fact user "$(id -un 2>/dev/null || id -u)"
shell=$(readlink "/proc/$$/exe" 2>/dev/null || command -v sh)
fact shell "$(one_line "$shell")"
fact shell_version "$(one_line "$(version_of "$shell")")"
eval "set -- $shown"
for tool; do
    if command -v "$tool" >/dev/null 2>&1; then fact tool "$tool $(one_line "$(version_of "$tool")")"; fi
done
eval "set -- $tools"
for tool; do
    command -v "$tool" >/dev/null 2>&1 || fact no_tool "$tool"
done

if [ -n "$deploy_to" ]; then
    # What is not there will be made in the nearest directory that is.
    place=$deploy_to
    while [ ! -e "$place" ] && [ ! -L "$place" ]; do
        place=${place%/*}
        if [ -z "$place" ]; then place=/; fi
    done
    fact place "$(one_line "$place")"
    fact rights "$(one_line "$(ls -ldL -- "$place" 2>/dev/null)")"
    if [ ! -d "$place" ]; then
        fact no_directory yes
    elif ! may_use "$place"; then
        fact closed "$(one_line "$place")"
    fi
    for name in releases shared repo .capdoit .capdoit/lock .capdoit/journal revisions.log; do
        if [ -e "$deploy_to/$name" ] && ! may_use "$deploy_to/$name"; then
            fact closed "$(one_line "$deploy_to/$name")"
        fi
    done
    fact disk "$(df -Pk "$place" 2>/dev/null | last_line)"
    fact inodes "$(df -Pi "$place" 2>/dev/null | last_line)"
fi
fact end yes
