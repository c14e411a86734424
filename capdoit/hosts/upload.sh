# shellcheck shell=sh
# A file from stdin; it appears whole or not at all: where the connection ends too early, stdin ends, too.
# shellcheck disable=SC2154
set -e
[ -z "$run" ] || fenced
if [ -d "$remote" ]; then
    printf '%s is a directory\n' "$remote" >&2
    exit 1
fi
rm -f "$remote.part"
cat >"$remote.part"
if [ "$(wc -c <"$remote.part")" -ne "$size" ]; then
    rm -f "$remote.part"
    exit 1
fi
chmod "$mode" "$remote.part"
mv -f "$remote.part" "$remote"
