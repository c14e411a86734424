# shellcheck shell=sh
# Writing of manifests.
# Needs: has_manifest label_lines list_release print_listing_end set_private_umask
# Given: release

# Write the manifest of a new release.
create_manifest() {
    mkdir -p .capdoit/manifests && list_release "releases/$release" full '' | save_manifest
}

# Take over what hooks changed in the release. A full disk must stop neither a rollback nor what follows a publish.
renew_manifest() {
    if has_manifest; then
        print_renewed_manifest | save_manifest || rm -f .capdoit/manifest
    fi
}

# Print the manifest with the changes of hooks: whatever changed since the manifest was written or, if that was
# later, since this flow took the lock. All other lines stay as shipped, also those of files that are gone, unless
# the directory of the file has changed.
print_renewed_manifest() {
    manifest=.capdoit/manifests/$release
    {
        since=../../.capdoit/lock
        # shellcheck disable=SC3013
        if [ "$manifest" -nt .capdoit/lock ]; then since=../../$manifest; fi
        list_release "releases/$release" full "$since" | label_lines changed
        list_release "releases/$release" quick '' | label_lines present
        label_lines shipped <"$manifest"
    } | LC_ALL=C awk -F '\t' '
        function unchanged(path) { return (path in present) && !(path in changed) }
        { line = substr($0, length($1) + 2); path = dir = NF > 2 ? $2 : substr(line, 67); sub("/[^/]*$", "", dir) }
        $1 == "present" { present[path] }
        $1 == "changed" { changed[path] }
        $1 == "changed" || ($1 == "shipped" && (unchanged(path) || (!(path in present) && unchanged(dir)))) { print line }
    '
}

# Save the listing on stdin as the manifest, unless the listing is incomplete.
save_manifest() {
    (set_private_umask && LC_ALL=C sort >.capdoit/manifest) && [ "$(tail -n 1 .capdoit/manifest)" = "$(print_listing_end)" ] &&
        mv -f .capdoit/manifest ".capdoit/manifests/$release"
}

# Make the manifest newer than the files of the release. Removing a release changes the time of change of files that
# this release shares with it by hard links, and no hook has changed those.
touch_manifest() {
    if has_manifest; then touch ".capdoit/manifests/$release"; fi
}

# Remove the manifests of releases that are gone and have no archive.
forget_manifests() {
    for manifest in .capdoit/manifests/[0-9]*; do
        name=${manifest##*/}
        [ -e "releases/$name" ] || [ -e "rolled-back-release-$name.tar.gz" ] || rm -f "$manifest"
    done
}
