# shellcheck shell=sh
# Write stdin to a file, which appears complete or not at all: if the connection is lost, stdin ends early. Nobody else
# can read the part of it that has arrived.
# Needs: require_lock
# Given: mode remote run size
set -e
[ -z "$run" ] || require_lock
if [ -d "$remote" ]; then
    printf '%s is a directory\n' "$remote" >&2
    exit 1
fi
rm -f "$remote.part"
(umask 077 && cat >"$remote.part")
if [ "$(wc -c <"$remote.part")" -ne "$size" ]; then
    rm -f "$remote.part"
    exit 1
fi
chmod "$mode" "$remote.part"
mv -f "$remote.part" "$remote"
