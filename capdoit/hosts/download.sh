# shellcheck shell=sh
# Print a line with the kind, the mode and the size of a file or directory, and then the file, or a tar of everything in
# the directory. The size of a directory is an estimate.
# Needs: die
# Given: remote
set -e
LC_ALL=C
export LC_ALL

# Print a tar. GNU tar has status 1 if a file changed while it was read, as logs do.
pack_directory() {
    status=0
    tar -cf - -C "$remote" . || status=$?
    case $status,$(tar --version 2>/dev/null) in
        1,*GNU*) ;;
        *) return "$status" ;;
    esac
}

[ -e "$remote" ] || die "$remote does not exist"
mode=$(stat -L -c %a "$remote")
if [ -d "$remote" ]; then
    size=$(du -sk "$remote/.")
    echo "directory $mode $((${size%%[!0-9]*} * 1024))"
    pack_directory
else
    [ -f "$remote" ] || die "$remote is neither a file nor a directory"
    echo "file $mode $(stat -L -c %s "$remote")"
    cat <"$remote"
fi
