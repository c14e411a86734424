# shellcheck shell=sh
# Print which of the symlinks in the arguments should point into shared/ and have no target.
# Environment: deploy_to
for link; do
    if [ -e "$link" ]; then continue; fi
    target=$(readlink "$link")
    case $target in
        "$deploy_to"/shared/*) printf '%s -> %s\n' "$link" "$target" ;;
    esac
done
