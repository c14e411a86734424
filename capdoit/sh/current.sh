# shellcheck shell=sh
# The symlink current.
# Needs: to_one_line try_with_reserve

# Print the target of current in one line; print an empty line if current is not a symlink.
print_current() {
    target=
    if [ -L current ]; then target=$(readlink current); fi
    to_one_line "$target"
    echo
}

# Make a symlink to a release ($1) ready to be renamed over current. The directory stays for the next flow, since a full
# disk may have no room for one.
prepare_current() {
    if [ ! -d .capdoit/next ] || [ -L .capdoit/next ]; then rm -rf .capdoit/next; fi
    rm -f .capdoit/next/current
    try_with_reserve mkdir -p .capdoit/next
    try_with_reserve ln -s "$1" .capdoit/next/current
}
