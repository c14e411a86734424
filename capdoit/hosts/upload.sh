# shellcheck shell=sh
# Write stdin to a file, which appears complete or not at all: if the connection is lost, stdin ends early. Nobody else
# can read the part of it that has arrived. Print "equal" and change nothing if keep_equal is set and the file has this
# content already, and the mode. Without a mode, a file that is replaced gives its own.
# Needs: die make_parents require_lock
# Given: keep_equal mode part remote run size
set -e
[ -z "$run" ] || require_lock

has_equal_content() {
    [ -f "$remote" ] && [ "$(sha256sum <"$remote")" = "$(sha256sum <"$part")" ]
}

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
before=
[ ! -f "$remote" ] || before=$(stat -L -c %a "$remote")
if [ -n "$keep_equal" ] && has_equal_content && [ "$before" = "${mode:-$before}" ]; then
    echo equal
    exit 0
fi
chmod "${mode:-${before:-=rw}}" "$part" # =rw gives what the umask leaves
mv -f "$part" "$remote"
