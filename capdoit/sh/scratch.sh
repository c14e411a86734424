# shellcheck shell=sh
# Scratch: the files in .capdoit/ that exist only while a flow or a drill runs.
# Needs: clear_scratch
# Given: scratch

# Remove the scratch of this flow, or of one that died. What cannot be deleted is moved out of the way of the next flow.
remove_scratch() {
    cleared=0
    eval "set -- $scratch"
    for name; do
        clear_scratch ".capdoit/$name" || cleared=1
    done
    return "$cleared"
}
