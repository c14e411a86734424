# shellcheck shell=sh
# Print the state of some files in shared, a line each: absent; kind, mode and checksum; or why the file cannot be
# compared. Print nothing if there is no shared.
# Given: deploy_to paths
unset CDPATH
cd "$deploy_to/shared" 2>/dev/null || exit 0
eval "set -- $paths"
for path; do
    if [ -L "$path" ] && [ ! -e "$path" ]; then
        echo 'is a symlink without a target'
    elif [ ! -e "$path" ]; then
        echo absent
    elif [ ! -f "$path" ]; then
        echo 'is not a file'
    elif checksum=$(sha256sum 2>/dev/null <"$path") && mode=$(stat -Lc %a "./$path"); then
        kind='file'
        [ ! -L "$path" ] || kind='symlink'
        echo "$kind $mode ${checksum%% *}"
    else
        echo 'cannot be read'
    fi
done
