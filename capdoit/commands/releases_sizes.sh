# shellcheck shell=sh
# Print the size of each release in KiB. Files that releases share by hard links count once.
# Given: deploy_to
cd "$deploy_to/releases" 2>/dev/null || exit 0
for name in [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]; do
    if [ -d "$name" ] && [ ! -L "$name" ]; then echo "$name"; fi
done | xargs du -sk 2>/dev/null
