# shellcheck shell=sh
# Scratch: the files in .capdoit/ that exist only while a flow or a drill runs.
# Needs: move_to_removed remove_tree
# Given: scratch

# Remove the scratch of this flow, or of one that died. What cannot be deleted is moved out of the way of the next flow.
remove_scratch() {
    remaining=
    eval "set -- $scratch"
    for name; do
        remove_tree ".capdoit/$name" || move_to_removed ".capdoit/$name" || remaining="$remaining .capdoit/$name"
    done
    if [ -z "$remaining" ]; then return 0; fi
    printf '%s cannot be removed\n' "$(pwd):$remaining" >&2
    return 1
}
