# shellcheck shell=sh
# A file from stdin; it appears whole or not at all.
# shellcheck disable=SC2154
set -e
rm -f "$remote.part"
cat >"$remote.part"
chmod "$mode" "$remote.part"
mv -f "$remote.part" "$remote"
