# shellcheck shell=sh
# Write stdin to a file, which appears complete or not at all: if the connection is lost, stdin ends early. Nobody else
# can read the part of it that has arrived.
# Needs: die make_parents require_lock
# Given: mode remote run size
set -e
[ -z "$run" ] || require_lock
case $remote in
    */) die "$remote is a directory: name the file" ;;
esac
[ ! -d "$remote" ] || die "$remote is a directory: name the file"
make_parents "$remote"
rm -f "$remote.part"
(umask 077 && cat >"$remote.part")
if [ "$(wc -c <"$remote.part")" -ne "$size" ]; then
    rm -f "$remote.part"
    exit 1
fi
chmod "$mode" "$remote.part"
mv -f "$remote.part" "$remote"
