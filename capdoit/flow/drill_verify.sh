# shellcheck shell=sh
# Check that the archive of a drill lists no fewer members than the release had, and print their number.
# Needs: die enter_deploy_to require_lock
# Given: previous
enter_deploy_to
require_lock
shadow=.capdoit/drill
if [ ! -f "$shadow/.capdoit/members" ]; then exit 0; fi
archive=rolled-back-release-$previous.tar.gz
tar -tzf "$shadow/$archive" >"$shadow/.capdoit/listing"
listed=$(wc -l <"$shadow/.capdoit/listing")
members=$(cat "$shadow/.capdoit/members")
[ "$listed" -ge "$members" ] || die "$archive lists $((listed)) members, but the release had $((members))"
printf '%s\n' "$((listed))"
