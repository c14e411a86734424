# shellcheck shell=sh
# Ends a release: its revision, and the links to what all releases share.
# shellcheck disable=SC2154

# A directory of the release that is itself a link would lead mkdir, ln and rm elsewhere.
inside() {
    there=$1
    while [ ! -e "$there" ] && [ ! -L "$there" ]; do
        there=${there%/*}
    done
    case $(cd "$there" && pwd -P)/ in
        "$(cd "$dir" && pwd -P)"/*) ;;
        *) die "$1 leads out of the release; linked paths cannot go through a link" ;;
    esac
}

link() {
    parent=$dir/$1
    parent=${parent%/*}
    inside "$parent"
    mkdir -p "$parent"
    if [ -L "$dir/$1" ] || [ -e "$dir/$1" ]; then
        rm -rf "${dir:?}/$1"
    fi
    ln -s "$deploy_to/shared/$1" "$dir/$1"
}

eval "set -- $linked_files $linked_dirs"
for path; do
    link "$path"
done
rm -rf "$dir/REVISION" "$dir/REVISION_TIME" # the code may have links of these names
printf '%s\n' "$revision" >"$dir/REVISION"
if [ -n "$revision_time" ]; then
    printf '%s\n' "$revision_time" >"$dir/REVISION_TIME"
fi
