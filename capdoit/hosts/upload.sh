# shellcheck shell=sh
# Write stdin to a file, which appears complete or not at all: if the connection is lost, stdin ends early. Nobody else
# can read the part of it that has arrived.
# Needs: die make_parents require_lock
# Given: mode part remote run size
set -e
[ -z "$run" ] || require_lock
case $remote in
    */) die "$remote is a directory: name the file" ;;
esac
[ ! -d "$remote" ] || die "$remote is a directory: name the file"
make_parents "$remote"
trap 'rm -rf "$part"' EXIT
trap 'exit 1' HUP INT PIPE TERM # PIPE: the controller has died, and the shell writes that a program was terminated
rm -f "$part"
(umask 077 && cat >"$part")
[ "$(wc -c <"$part")" -eq "$size" ]
chmod "$mode" "$part"
mv -f "$part" "$remote"
