# shellcheck shell=sh
# Removes the shadow of a drill, its own or what another one left behind. Its files may be links to those of
# the real releases, so no mode of a file is ever changed; a directory may be one that lets nobody write.
# shellcheck disable=SC2154
sweep() {
    if [ ! -e .capdoit/drill ] && [ ! -L .capdoit/drill ]; then return 0; fi
    if rm -rf .capdoit/drill 2>/dev/null; then return 0; fi
    find .capdoit/drill -type d ! -perm -700 -exec chmod u+rwx {} \;
    rm -rf .capdoit/drill
}
