# shellcheck shell=sh
# Compare a release with its manifest: print its revision, whether it has a manifest, and the lines that only the
# manifest ("was") or only the release ("is") has. Lines of the manifest come first, in case there are too many; the
# line that ends both matches no other line. Then follow the paths that the user cannot read ("unreadable"), each with
# its owner and the number of lines of the manifest below it, which are not printed: nobody knows what is there now.
# Needs: can_read die enter_deploy_to has_manifest label_lines list_release list_unreadable print_fact print_manifest
# Needs: print_user require_tools
# Given: deploy_to linked_files max_lines release release_dir verify
LC_ALL=C
export LC_ALL

print_differences() {
    {
        print_manifest "$verify" | label_lines was
        list_release "$release_dir" "$verify" '' | label_lines is
        printf 'is\t~~\n'
    } | sort -k 2 | uniq -u -f 1 | sort -r
}

# Print stdin, but instead of the lines of the manifest below unreadable directories their number.
count_hidden_lines() {
    awk -F '\t' -v most="$max_lines" '
        function find_unreadable_parent(path, parent) {
            for (parent in owners)
                if (index(path, parent "/") == 1 || index(path, "\\" hexadecimal[parent] "2f") == 1) return parent
        }
        $1 == "unreadable" { owners[$2] = $3; hexadecimal[$2] = $4; hidden[$2] = 0; next }
        $1 == "was" && (parent = find_unreadable_parent(NF > 2 ? $2 : substr($0, 71))) { hidden[parent]++; next }
        ++printed <= most { print }
        END { for (path in owners) printf "unreadable\t%s\t%s\t%d\n", path, owners[path], hidden[path] }
    '
}

enter_deploy_to
for place in "${release_dir%/*}" "$release_dir"; do
    [ -d "$place" ] || die "$place does not exist"
    can_read "$place" || die "$place cannot be read by $(print_user)"
done
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
    require_tools awk find od readlink sed sha256sum sort stat tr uniq
    print_fact manifest yes
    {
        (cd "$release_dir" && list_unreadable)
        print_differences
    } | count_hidden_lines
fi
