# shellcheck shell=sh
# Durability: what survives a power failure.

# Write to the disk what scripts and hooks have written to deploy_to, which is the current directory. A sync that cannot
# select a file system writes everything that the host has not written yet.
write_to_disk() {
    case $(sync --help 2>&1) in
        *[[:blank:]]-f*) sync -f releases .capdoit ;;
        *) sync ;;
    esac
}
