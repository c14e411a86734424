# shellcheck shell=sh
# Unpack the archive on stdin into the release, without the directories at its top that "strip" leaves out. Print the sha256
# of the archive as a fact. If "strip" is not set, print another one if the release has nothing but one directory at its top.
# Needs: clear_scratch die print_fact print_sha256 to_one_line
# Given: host_umask release_dir strip tar_option
# Sets: revision

# Unpack stdin into the release. The rest is read, too: tar stops where it finds an error or the end of the archive.
# Without --no-same-permissions, the umask is nothing to root. TAR_OPTIONS is for GNU tar: reading 256 KiB at a time, it needs
# half of the time that it needs with 10 KiB. Other versions do not read the variable, and may not know the option.
unpack() {
    unpacked=0
    (cd "$release_dir" && TAR_OPTIONS="--blocking-factor=512 ${TAR_OPTIONS:-}" exec tar -xf - ${tar_option:+"$tar_option"} --no-same-owner ${host_umask:+--no-same-permissions}) >&2 || unpacked=$?
    cat >/dev/null
    return "$unpacked"
}

# Unpack stdin into the release, and print its sha256. Both take seconds for a large archive, and so does its arrival: all
# three happen at once. File descriptor 3 is the pipe to tar, and 4 is stdout. If tee is killed, tar and the checksum may
# end without an error, but before the end of the archive; then the output does not begin with a checksum.
unpack_and_print_sha256() {
    {
        { { tee /proc/self/fd/3 || echo "tee failed" >&4; } | print_sha256 3>&- >&4; } 3>&1 | unpack 4>&-
    } 4>&1
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
unpacked=0
revision=$(unpack_and_print_sha256) || unpacked=$?
revision=${revision%% *}
[ "$unpacked" = 0 ] || exit "$unpacked"
[ "${#revision}" = 64 ] || die "the archive was not read to its end, or its sha256 was not computed"
print_fact sha256 "$revision"
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
