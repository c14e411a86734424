# shellcheck shell=sh
# Print the broken ones among symlinks to shared/; the arguments are symlinks of a release.
# Environment: deploy_to
for link; do
    if [ -e "$link" ]; then continue; fi
    target=$(readlink "$link")
    case $target in
        "$deploy_to"/shared/*) printf '%s -> %s\n' "$link" "$target" ;;
    esac
done
