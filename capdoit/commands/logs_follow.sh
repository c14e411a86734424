# shellcheck shell=sh
# Print the last lines of logs, and what is written to them from now on. Patterns are paths in deploy_to, or absolute.
# Needs: die
# Given: deploy_to lines patterns
cd "$deploy_to" || exit
eval "set -- $patterns"
count=$#
IFS=
for pattern; do
    for file in $pattern; do
        [ ! -f "$file" ] || set -- "$@" "$file"
    done
done
unset IFS
[ "$#" -gt "$count" ] || die "no file in $deploy_to matches $*"
shift "$count"
exec tail -n "$lines" -F -- "$@"
