# shellcheck shell=sh
# Fills the release from the archive that arrived.
# shellcheck disable=SC2154,SC2034
tar -xf .capdoit/incoming -C "$dir" --no-same-owner
rm -f .capdoit/incoming
