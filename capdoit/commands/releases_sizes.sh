# shellcheck shell=sh
# How many KiB each release takes, a line each; what releases share by hard links is counted once. Changes nothing.
# shellcheck disable=SC2154
cd "$deploy_to/releases" 2>/dev/null || exit 0
for name in [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]; do
    if [ -d "$name" ] && [ ! -L "$name" ]; then echo "$name"; fi
done | xargs du -sk 2>/dev/null
