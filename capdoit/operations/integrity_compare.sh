# shellcheck shell=sh
# Compare a release with its manifest: print its revision, whether it has a manifest, and the lines that only the
# manifest ("was") or only the release ("is") has. Lines of the manifest come first, in case there are too many; the
# line that ends both matches no other line.
# Needs: die enter_deploy_to has_manifest label_lines list_release print_fact print_manifest print_user require_tools
# Given: deploy_to linked_files max_lines release release_dir verify
LC_ALL=C
export LC_ALL

print_differences() {
    {
        print_manifest "$verify" | label_lines was
        list_release "$release_dir" "$verify" '' | label_lines is
        printf 'is\t~~\n'
    } | sort -k 2 | uniq -u -f 1 | sort -r | head -n "$max_lines"
}

enter_deploy_to
[ -d "$release_dir" ] || die "$release_dir does not exist"
eval "set -- $linked_files"
for path; do
    if [ -L "$release_dir/$path" ] && [ ! -e "$release_dir/$path" ]; then
        die "linked file $path does not exist in $deploy_to/shared"
    fi
done
revision=
# Only a regular file is read: reading a FIFO may block forever.
if [ -f "$release_dir/REVISION" ]; then revision=$(head -c 200 "$release_dir/REVISION" | tr -d '\n'); fi
print_fact revision "$revision"
if has_manifest; then
    [ -r ".capdoit/manifests/$release" ] || die "the manifest of $release cannot be read by $(print_user)"
    require_tools find od readlink sed sha256sum sort stat tr uniq
    print_fact manifest yes
    print_differences
fi
