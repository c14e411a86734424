# shellcheck shell=sh
# Print the free disk space where releases are stored, and the size of the live release, both in KiB.
# Given: deploy_to
place=$deploy_to
while [ ! -d "$place" ]; do
    place=$(dirname "$place")
done
df -Pk "$place" | tail -n 1 | { read -r _ _ _ free _ && printf '%s\n' "$free"; }
if [ -d "$deploy_to/current/" ]; then
    du -sk "$deploy_to/current/" | cut -f 1
fi
