# shellcheck shell=sh
# Removes what a flow or a drill needs while it is at work, its own or what another one left behind.
# shellcheck disable=SC2154
sweep() {
    stays=
    eval "set -- $scratch"
    for name; do
        remove_tree ".capdoit/$name" || stays="$stays .capdoit/$name"
    done
    if [ -z "$stays" ]; then return 0; fi
    printf '%s cannot be removed\n' "$(pwd):$stays" >&2
    return 1
}
