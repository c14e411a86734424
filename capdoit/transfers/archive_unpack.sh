# shellcheck shell=sh
# Unpack the archive that was received into the release, without the directories at its top that "strip" leaves out, and
# check that it is the archive that was sent. If "strip" is not set, print a fact if the release has nothing but one
# directory at its top.
# Needs: clear_scratch die print_fact to_one_line
# Given: host_umask release_dir revision strip

# Print the sha256 of a file. openssl takes a third of the time of many versions of sha256sum, but not every host has it.
print_sha256() {
    sum=$(openssl dgst -sha256 -r "$1" 2>/dev/null) || sum=$(sha256sum "$1")
    printf '%s\n' "${sum%% *}"
}

# Set $top_directory to the directory that is everything at the top of the release; empty if there is more.
find_top_directory() {
    top_directory=$(ls -A "$release_dir")
    if [ ! -d "$release_dir/$top_directory" ] || [ -L "$release_dir/$top_directory" ]; then top_directory=; fi
}

# Put that directory in the place of the release.
lift_top_directory() {
    clear_scratch .capdoit/unpack
    chmod u+rwx "$release_dir/$top_directory"
    mv "$release_dir/$top_directory" .capdoit/unpack
    rmdir "$release_dir"
    mv .capdoit/unpack "$release_dir"
}

release_mode=$(stat -c %a "$release_dir")
# Both take seconds for a large file. Without --no-same-permissions, the umask is nothing to root.
(cd "$release_dir" && exec tar -xf ../../.capdoit/incoming --no-same-owner ${host_umask:+--no-same-permissions}) &
tar=$!
sum=$(print_sha256 .capdoit/incoming)
unpacked=0
wait "$tar" || unpacked=$?
[ "$sum" = "$revision" ] || die "the archive arrived with sha256 $sum, but $revision was sent"
[ "$unpacked" = 0 ] || exit "$unpacked"
rm -f .capdoit/incoming
[ -n "$(ls -A "$release_dir")" ] || die "the archive is empty"
find_top_directory
case $strip in
    '') [ -z "$top_directory" ] || print_fact top_directory "$(to_one_line "$top_directory")" ;;
    auto) [ -z "$top_directory" ] || lift_top_directory ;;
    *)
        levels=$strip
        while [ "$levels" -gt 0 ]; do
            find_top_directory
            [ -n "$top_directory" ] || die "strip: $strip needs an archive with only one directory at its top"
            lift_top_directory
            levels=$((levels - 1))
        done
        ;;
esac
[ -n "$(ls -A "$release_dir")" ] || die "the archive has nothing below its top directory"
# The directory at the top of the archive may have another mode, such as 700 if mktemp made it.
chmod "$release_mode" "$release_dir"
