# shellcheck shell=sh
# Lists the archive that the rollback of a drill made; it has to hold all that the release held.
# shellcheck disable=SC2154
fenced
shadow=.capdoit/drill
if [ ! -f "$shadow/.capdoit/members" ]; then exit 0; fi
archive=rolled-back-release-$left.tar.gz
tar -tzf "$shadow/$archive" >"$shadow/.capdoit/listing"
listed=$(wc -l <"$shadow/.capdoit/listing")
members=$(cat "$shadow/.capdoit/members")
[ "$listed" -ge "$members" ] || die "$archive lists $((listed)) members, but the release had $((members))"
printf '%s\n' "$((listed))"
