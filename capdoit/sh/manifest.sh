# shellcheck shell=sh
# The manifest of the release: the listing of the release as it was shipped.
# Given: release

has_manifest() {
    [ -f ".capdoit/manifests/$release" ] && [ -s ".capdoit/manifests/$release" ]
}

# Print the manifest; with "quick" for $1 without the checksums.
print_manifest() {
    if [ "$1" = full ]; then
        cat ".capdoit/manifests/$release"
    else
        sed '/^[0-9a-f]/d' ".capdoit/manifests/$release"
    fi
}

# Copy lines from stdin to stdout, each behind a label and a tab.
label_lines() {
    sed "s/^/$1$(printf '\t')/"
}
