# shellcheck shell=sh
# Fills the release from the archive that arrived.
# shellcheck disable=SC2154
(cd "$dir" && tar -xf ../../.capdoit/incoming --no-same-owner)
rm -f .capdoit/incoming
