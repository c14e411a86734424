# shellcheck shell=sh
# Ends a release: its revision, and the links to what all releases share.
# shellcheck disable=SC2154

# A directory of the release that is itself a link would lead ln and rm elsewhere.
inside() {
    case $(cd "$1" && pwd -P)/ in
        "$(cd "$dir" && pwd -P)"/*) ;;
        *) die "$1 leads out of the release; linked paths cannot go through a link" ;;
    esac
}

link() {
    parent=$dir/$1
    parent=${parent%/*}
    mkdir -p "$parent"
    inside "$parent"
    if [ -L "$dir/$1" ] || [ -e "$dir/$1" ]; then
        rm -rf "${dir:?}/$1"
    fi
    ln -s "$deploy_to/shared/$1" "$dir/$1"
}

eval "set -- $linked_files $linked_dirs"
for path; do
    link "$path"
done
printf '%s\n' "$revision" >"$dir/REVISION"
if [ -n "$revision_time" ]; then
    printf '%s\n' "$revision_time" >"$dir/REVISION_TIME"
fi
