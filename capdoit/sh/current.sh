# shellcheck shell=sh
# The symlink current.
# Needs: to_one_line

# Print the target of current in one line; print an empty line if current is not a symlink.
print_current() {
    target=
    if [ -L current ]; then target=$(readlink current); fi
    to_one_line "$target"
    echo
}
