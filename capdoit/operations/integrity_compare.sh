# shellcheck shell=sh
# Says a release's revision, whether it has a manifest, and then the lines that only one of its manifest
# ("was") and its files ("is") has. What was there comes first, however much was added; the line that ends
# both is like no other. Changes nothing.
# shellcheck disable=SC2154
LC_ALL=C
export LC_ALL
dir=${dir:-releases/$release}

differences() {
    {
        shipped | sed "s/^/was$tab/"
        listing "$dir" | sed "s/^/is$tab/"
        printf 'is\t~~\n'
    } | sort -k 2 | uniq -u -f 1 | sort -r | head -n "$most"
}

[ -d "$dir" ] || die "$dir is not there"
eval "set -- $linked_files"
for path; do
    if [ -L "$dir/$path" ] && [ ! -e "$dir/$path" ]; then
        die "linked file $path does not exist in $deploy_to/shared"
    fi
done
revision=
if [ -f "$dir/REVISION" ]; then revision=$(head -c 200 "$dir/REVISION" | tr -d '\n'); fi # and no FIFO, which has no end
fact revision "$revision"
if has_manifest; then
    for tool in find od readlink sed sha256sum sort stat tr uniq; do
        command -v "$tool" >/dev/null || die "$tool is not installed"
    done
    fact manifest yes
    differences
fi
