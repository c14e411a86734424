# shellcheck shell=sh
# The first half of publishing: everything that can fail, so that the second half is one rename.
# Directories keep the order of their names in time, too, which Capistrano's rollback goes by.
# shellcheck disable=SC2154,SC2034
# After the last hook that may change the release, and before it can be live.
write_manifest() {
    verify=full
    listing "releases/$release" | LC_ALL=C sort >.capdoit/manifest || die "the manifest of $release could not be written"
    mv -f .capdoit/manifest ".capdoit/manifests/$release"
}

# A rollback verified its release before its hooks came; what is not as it was since then, they made.
has_changed() {
    verify=quick
    [ -n "$({
        shipped
        listing "releases/$release"
    } | LC_ALL=C sort | uniq -u | head -n 1)" ]
}

fenced
if [ ! -d "releases/$release" ] || [ -L "releases/$release" ]; then
    die "releases/$release is not there"
fi
[ "$(cat "releases/$release/REVISION" 2>/dev/null)" = "$revision" ] ||
    die "releases/$release is not of revision $revision"
if [ -e current ] && [ ! -L current ]; then
    die "$deploy_to/current is no link; move it away"
fi
if [ -n "$fresh" ]; then
    eval "set -- $linked_files"
    for path; do
        [ -e "releases/$release/$path" ] || die "linked file $path does not exist in $deploy_to/shared"
    done
    TZ=UTC0 touch -t "${release%??}.${release#????????????}" "releases/$release"
    forget_manifests
    mkdir -p .capdoit/manifests
    write_manifest
elif [ -n "$hooked" ] && has_manifest && has_changed; then
    # A disk that is full must not be in the way back.
    (write_manifest) || rm -f .capdoit/manifest
fi
rm -rf .capdoit/next
mkdir .capdoit/next
ln -s "$deploy_to/releases/$release" .capdoit/next/current
journal "$entry" || die "the journal could not be written"
