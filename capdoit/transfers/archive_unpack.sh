# shellcheck shell=sh
# Unpack the archive that was received into the release.
# Given: release_dir
(cd "$release_dir" && tar -xf ../../.capdoit/incoming --no-same-owner)
rm -f .capdoit/incoming
