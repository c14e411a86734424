# shellcheck shell=sh
# Removal of directory trees.

# Remove a file or a tree, even if directories in it cannot be written to, as package managers make them. The mode
# of a file is never changed: the file may be a hard link that another release shares.
remove_tree() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
    if rm -rf "$1" 2>/dev/null; then return 0; fi
    find "$1" -type d ! -perm -700 -exec chmod u+rwx {} \; 2>/dev/null || :
    rm -rf "$1"
}
