# shellcheck shell=sh
# Takes the archive from stdin and proves that it is the one that was sent.
# shellcheck disable=SC2154
fenced
rm -rf .capdoit/incoming
cat >.capdoit/incoming
sum=$(sha256sum .capdoit/incoming)
[ "${sum%% *}" = "$revision" ] ||
    die "the archive arrived with sha256 ${sum%% *}, but $revision was sent"
