# shellcheck shell=sh
# Whether a release could be live again: it is there with its revision, and its links to what is shared lead
# somewhere. Changes nothing.
# shellcheck disable=SC2154
there=releases/$release
if [ ! -d "$there" ] || [ -L "$there" ]; then die "$there is not there"; fi
[ "$(cat "$there/REVISION" 2>/dev/null)" = "$revision" ] || die "$there is not of revision $revision"
export deploy_to
lost=$(far_links "$there" "$broken" | head -n 20)
if [ -n "$lost" ]; then
    printf '%s\n' "$lost" >&2
    die "links of $release to what is shared lead nowhere"
fi
