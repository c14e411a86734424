# shellcheck shell=sh
# Removes what a flow or a drill needs while it is at work, its own or what another one left behind. Files of a drill
# may be links to those of the real releases, so no mode of a file is ever changed; a directory may be one that
# lets nobody write.
sweep() {
    stays=
    for scratch in next incoming unpack manifest archive.tar.gz removed drill; do
        scratch=.capdoit/$scratch
        if [ ! -e "$scratch" ] && [ ! -L "$scratch" ]; then continue; fi
        if rm -rf "$scratch" 2>/dev/null; then continue; fi
        find "$scratch" -type d ! -perm -700 -exec chmod u+rwx {} \;
        rm -rf "$scratch" || stays="$stays $scratch"
    done
    if [ -z "$stays" ]; then return 0; fi
    printf '%s cannot be removed\n' "$(pwd):$stays" >&2
    return 1
}
