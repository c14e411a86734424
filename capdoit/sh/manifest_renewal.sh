# shellcheck shell=sh
# How a release gets its manifest, and how the manifest follows what hooks change later.
# shellcheck disable=SC2154,SC2034
new_manifest() {
    verify=full
    listing "releases/$release"
}

# What changed since the manifest was written, or else since this flow took the lock, its hooks changed. Of all else
# it keeps what was shipped; of what is gone, too, unless the directory that it was in has changed.
renewed_manifest() {
    manifest=.capdoit/manifests/$release
    {
        verify=full
        since=../../.capdoit/lock
        # shellcheck disable=SC3013
        if [ "$manifest" -nt .capdoit/lock ]; then since=../../$manifest; fi
        listing "releases/$release" | sed "s/^/made$tab/"
        verify=quick
        since=
        listing "releases/$release" | sed "s/^/there$tab/"
        sed "s/^/was$tab/" "$manifest"
    } | LC_ALL=C awk -F '\t' '
        function kept(path) { return (path in there) && !(path in made) }
        { line = substr($0, length($1) + 2); path = dir = NF > 2 ? $2 : substr(line, 67); sub("/[^/]*$", "", dir) }
        $1 == "there" { there[path] }
        $1 == "made" { made[path] }
        $1 == "made" || ($1 == "was" && (kept(path) || (!(path in there) && kept(dir)))) { print line }
    '
}

write_manifest() {
    LC_ALL=C sort >.capdoit/manifest && [ "$(tail -n 1 .capdoit/manifest)" = "$end" ] &&
        mv -f .capdoit/manifest ".capdoit/manifests/$release"
}

# A disk that is full must not be in the way back, nor of what comes after the publish.
renew_manifest() {
    if has_manifest; then
        renewed_manifest | write_manifest || rm -f .capdoit/manifest
    fi
}

# Where releases have files in common, by hard links, those of this one have changed now, but no hook has done it.
removed_beside() {
    if has_manifest; then touch ".capdoit/manifests/$release"; fi
}
